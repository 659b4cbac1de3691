#pragma once

// Dead chunks as tables and as JSON.

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "producer/client.hpp"

namespace sublet::cli {

/// Dead chunks by error, over all their jobs, the most frequent first.
std::string dead_classes_table(const std::vector<DeadClass>& classes, std::size_t width);
nlohmann::ordered_json dead_classes_json(const std::vector<DeadClass>& classes);

/// Each of one job.
std::string dead_chunks_table(const std::vector<DeadChunk>& chunks, std::size_t width);
nlohmann::ordered_json dead_chunk_json(const DeadChunk& chunk);

/// "1,4,10-20" as ranges; `bad_argument` otherwise.
Result<std::vector<ChunkRange>> parse_chunks(std::string_view text);

/// "transient", "transient,poison": names of errors; `bad_argument` with the nearest right one.
Result<std::vector<std::uint16_t>> parse_codes(std::string_view text);

}  // namespace sublet::cli
