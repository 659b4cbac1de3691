#include "producer/cli/payload.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "common/wire/chunk_header.hpp"

namespace sublet::cli {
namespace {

std::vector<const InputFile*> parts_of(const InputFile& file) {
  std::vector<const InputFile*> parts = {&file};
  for (const InputFile& each : file.beside) parts.push_back(&each);
  return parts;
}

std::vector<std::uint64_t> lengths_of(const InputFile& file) {
  std::vector<std::uint64_t> lengths;
  for (const InputFile* const part : parts_of(file)) lengths.push_back(part->bytes);
  return lengths;
}

}  // namespace

PayloadReader::PayloadReader(const Pipeline& pipeline) : has_header_(has_header(pipeline)) {
  if (pipeline.inputs.size() > 1) inputs_ = pipeline.inputs;
}

std::vector<std::byte> PayloadReader::header(std::span<const std::uint64_t> lengths) const {
  if (!has_header_) return {};
  std::vector<std::pair<std::string_view, std::uint64_t>> named;
  for (std::size_t i = 0; i < inputs_.size(); ++i) named.emplace_back(inputs_[i], lengths[i]);
  return wire::lengths_header(named);
}

std::uint64_t PayloadReader::bytes_of(const InputFile& file) const { return header(lengths_of(file)).size() + file.total_bytes(); }

Result<Blob> PayloadReader::read(const InputFile& file, std::uint64_t limit) const {
  if (!has_header_) return read_input(file, limit);
  std::vector<Blob> data;
  std::vector<std::uint64_t> lengths;
  std::uint64_t left = limit - header(lengths_of(file)).size();
  for (const InputFile* const part : parts_of(file)) {
    auto read = read_input(*part, left);
    if (!read) return read;
    lengths.push_back(read->size());
    left -= read->size();
    data.push_back(*std::move(read));
  }
  auto chunk = std::make_shared<std::vector<std::byte>>(header(lengths));
  for (const Blob& each : data) chunk->insert(chunk->end(), each.view().begin(), each.view().end());
  if (chunk->size() > limit)
    return fail(ErrorCode::chunk_too_large, "the files grew while they were being submitted; run again when nothing writes to them");
  const ByteView view = *chunk;
  return Blob(std::move(chunk), view);
}

Result<std::uint64_t> PayloadReader::read_into(const InputFile& file, std::span<std::byte> room) const {
  const std::size_t expected = header(lengths_of(file)).size();
  std::vector<std::uint64_t> lengths;
  std::size_t end = expected;
  for (const InputFile* const part : parts_of(file)) {
    const auto length = read_input(*part, room.subspan(end, part->bytes));
    if (!length) return length;
    lengths.push_back(*length);
    end += *length;
  }
  // Files that have become shorter meanwhile may have a shorter header.
  const auto right = header(lengths);
  std::memmove(room.data() + right.size(), room.data() + expected, end - expected);
  std::ranges::copy(right, room.begin());
  return right.size() + (end - expected);
}

std::vector<std::string> output_endings(const Pipeline& pipeline) {
  if (pipeline.outputs.size() < 2) return {""};
  std::vector<std::string> endings;
  for (const auto& output : pipeline.outputs) endings.push_back("." + output.buffer);
  return endings;
}

}  // namespace sublet::cli
