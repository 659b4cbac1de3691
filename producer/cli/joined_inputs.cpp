#include "producer/cli/joined_inputs.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/pipeline/nearest.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

/// "--in left=DIR --in right=DIR"
std::string how_to_say(const Pipeline& pipeline) {
  std::vector<std::string> words;
  for (const auto& input : pipeline.inputs) words.push_back(fmt::format("--in {}=DIR", input));
  return fmt::format("{}", fmt::join(words, " "));
}

/// The files of each name, at the position of their input.
using FilesByName = std::map<std::string, std::vector<const InputFile*>>;

Result<void> check_complete(const FilesByName& names, std::span<const InputSources> sources) {
  const auto alone = [](const auto& each) { return std::ranges::count(each.second, nullptr) > 0; };
  const auto first = std::ranges::find_if(names, alone);
  if (first == names.end()) return {};
  const auto& [name, files] = *first;
  const auto absent = std::ranges::find(files, nullptr) - files.begin();
  const InputFile& there = **std::ranges::find_if(files, [](const InputFile* file) { return file != nullptr; });
  const auto others = std::ranges::count_if(names, alone) - 1;
  const std::string more = others == 0
                               ? ""
                               : fmt::format(" ({} not in all inputs either)",
                                             plural(static_cast<std::uint64_t>(others), "other name") + (others == 1 ? " is" : " are"));
  return fail(ErrorCode::bad_argument,
              fmt::format("--in {} has no file {} to go with {}{}; files of one relative name make a chunk",
                          sources[static_cast<std::size_t>(absent)].input, printable(name), printable(there.path.string()), more));
}

}  // namespace

Result<std::vector<InputSources>> sources_of_inputs(const std::vector<std::string>& in, const Pipeline& pipeline) {
  if (pipeline.inputs.size() < 2) return std::vector<InputSources>{{.input = pipeline.inputs.front(), .paths = in}};
  std::vector<InputSources> sources;
  for (const auto& input : pipeline.inputs) sources.push_back({.input = input, .paths = {}});
  for (const std::string& text : in) {
    const auto equals = text.find('=');
    const auto input = std::string_view(text).substr(0, equals);
    const auto found = equals == std::string::npos ? sources.end() : std::ranges::find(sources, input, &InputSources::input);
    if (found == sources.end()) {
      const std::vector<std::string_view> known(pipeline.inputs.begin(), pipeline.inputs.end());
      return fail(ErrorCode::bad_argument, fmt::format("--in {} names no input of pipeline {}{}; write {}", printable(text), pipeline.name,
                                                       equals == std::string::npos ? "" : name_remedy(input, known), how_to_say(pipeline)));
    }
    found->paths.push_back(text.substr(equals + 1));
  }
  const auto missing = std::ranges::find_if(sources, [](const InputSources& each) { return each.paths.empty(); });
  if (missing == sources.end()) return sources;
  return fail(ErrorCode::bad_argument, fmt::format("pipeline {} takes {} inputs, and none is {}; write {}", pipeline.name, sources.size(),
                                                   missing->input, how_to_say(pipeline)));
}

Result<InputFiles> collect_joined(std::span<const InputSources> sources, std::size_t limit) {
  if (sources.size() == 1) return collect_inputs(sources.front().paths, limit);
  std::vector<InputFiles> found;
  FilesByName names;
  for (const InputSources& source : sources) {
    auto inputs = collect_inputs(source.paths, 0);
    if (!inputs) return inputs;
    found.push_back(*std::move(inputs));
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const InputFile& file : found[i].files) names.try_emplace(file.name, sources.size(), nullptr).first->second[i] = &file;
  }
  if (auto complete = check_complete(names, sources); !complete) return std::unexpected(complete.error());
  InputFiles joined;
  for (const auto& [name, files] : names) {
    if (limit != 0 && joined.files.size() == limit) break;
    InputFile& first = joined.files.emplace_back(*files.front());
    for (const InputFile* const other : std::span(files).subspan(1)) first.beside.push_back(*other);
  }
  for (InputFiles& inputs : found) std::ranges::move(inputs.skipped, std::back_inserter(joined.skipped));
  return joined;
}

}  // namespace sublet::cli
