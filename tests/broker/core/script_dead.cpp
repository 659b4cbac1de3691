// What scripts say about dead chunks, and how jobs go.
//
//   t=0s p1 dead j1 limit=10           the classes and chunks of j1; `dead all` the classes of every job
//   t=0s p1 replay j2 of=j1 codes=transient chunks=0,4..5 again retries=9 max=2K key=k
//   t=0s p1 rm j1 codes=transient
//   t=0s p1 peek j1 4
//   t=0s p1 teardown j1

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "tests/broker/core/script.hpp"

namespace sublet::broker::testing {
namespace {

std::string given(const std::vector<std::string>& words, std::string_view key) {
  for (const auto& word : words) {
    if (word.starts_with(key) && word.size() > key.size() && word[key.size()] == '=') return word.substr(key.size() + 1);
  }
  return "";
}

std::uint64_t number_or(const std::string& text, std::uint64_t otherwise) { return text.empty() ? otherwise : std::stoull(text); }

wire::DeadSelection selection_of(const std::vector<std::string>& words) {
  wire::DeadSelection selection;
  std::istringstream codes(given(words, "codes"));
  for (std::string name; std::getline(codes, name, ',');) {
    const auto row = std::ranges::find(error_table(), name, &ErrorInfo::name);
    selection.codes.values.push_back(static_cast<std::uint16_t>(row->code));
  }
  std::istringstream chunks(given(words, "chunks"));
  for (std::string part; std::getline(chunks, part, ',');) {
    const auto dots = part.find("..");
    const auto first = std::stoull(part);
    const auto last = dots == std::string::npos ? first : std::stoull(part.substr(dots + 2));
    selection.chunks.push_back({.first = first, .count = last - first + 1});
  }
  return selection;
}

}  // namespace

wire::Message Script::dead_message(const std::string& verb, const Words& words, JobId job, Blob& payload) {
  if (verb == "teardown") return wire::Teardown{.job = job};
  if (verb == "rm") return wire::Remove{.job = job, .select = selection_of(words)};
  if (verb == "peek") return wire::Peek{.job = job, .chunk = std::stoull(words.at(4))};
  if (verb == "dead") {
    return wire::DeadQuery{.job = words.at(3) == "all" ? JobId{} : job,
                           .in_queue = given(words, "queue"),
                           .select = selection_of(words),
                           .skip = number_or(given(words, "skip"), 0),
                           .limit = static_cast<std::uint32_t>(number_or(given(words, "limit"), 0))};
  }
  Blob bundle;
  auto opening = std::get<wire::Open>(open(words, bundle));
  if (!given(words, "pipeline").empty()) payload = bundle;
  return wire::Replay{.job = job_named(given(words, "of")),
                      .select = selection_of(words),
                      .again = std::ranges::find(words, "again") != words.end(),
                      .spec = opening.spec};
}

std::string Script::text_of(const wire::DeadListed& listed) const {
  const auto job = [&](JobId id) { return jobs_.contains(id) ? jobs_.at(id) : std::string("?"); };
  std::string line = "dead";
  for (const auto& each : listed.classes) {
    line += fmt::format(" {} {}={} replayed={} {} B ({}: {})", job(each.job), error_info(each.code).name, each.chunks, each.replayed,
                        each.bytes, each.example, each.detail);
  }
  for (const auto& each : listed.chunks) {
    line += fmt::format("; {} {} attempts={} crashes={} {} B{}{}", each.id, error_info(each.code).name, each.attempts, each.crashes,
                        each.bytes, each.kept ? "" : " lost", each.replayed == JobId{} ? "" : " replayed " + job(each.replayed));
  }
  return line;
}

}  // namespace sublet::broker::testing
