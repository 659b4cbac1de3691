#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"
#include "producer/cli/files.hpp"

namespace sublet::cli {

/// Where the files of one of a pipeline's inputs are.
struct InputSources {
  std::string input;
  std::vector<std::string> paths;
};

/// What `--in` says: folders and files where the pipeline has one input, `INPUT=DIR|FILE` where it has several, each of which has to be
/// there. In the pipeline's order; `bad_argument` with how to write it.
Result<std::vector<InputSources>> sources_of_inputs(const std::vector<std::string>& in, const Pipeline& pipeline);

/// A chunk's files for each name that is there: as `collect_inputs` where there is one input. Of several, the first input's file has the
/// others' of the same name beside it; `bad_argument`, with its name, for one that lacks such a file.
/// @param limit  keep the first so many names; 0 for all
Result<InputFiles> collect_joined(std::span<const InputSources> sources, std::size_t limit);

}  // namespace sublet::cli
