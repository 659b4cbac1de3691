#include "tests/sim/replay_checker.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "tests/sim/records.hpp"

namespace sublet::sim {
namespace {

using broker::RecordKind;

/// Who runs each dead chunk again.
std::map<std::uint64_t, JobId> marks_of(const Disk& disk, JobId origin) {
  std::map<std::uint64_t, JobId> marks;
  for_each_of(disk, RecordKind::dead, origin.value, [&](const broker::RecordKey&, const broker::RecordValue& value) {
    const auto& record = *std::get<broker::SharedDead>(value);
    std::size_t index = 0;
    for_each_id(record.chunks, [&](std::uint64_t id) { marks[id] = record.replayed.empty() ? JobId{} : record.replayed.at(index++); });
  });
  return marks;
}

}  // namespace

void check_replay(const Disk& disk, JobId replay, JobId origin) {
  if (disk.find<broker::JobRecord>({.kind = RecordKind::job, .owner = origin.value}) == nullptr) return;
  const auto marks = marks_of(disk, origin);
  const auto accepted = accepted_of(disk, replay);
  for (const auto id : accepted) {
    const auto mark = marks.find(id);
    if (mark == marks.end()) throw Violation(fmt::format("only a dead chunk is replayed: chunk {} is not", id));
    if (mark->second != replay) throw Violation(fmt::format("a dead chunk is replayed by one job: chunk {} is by two", id));
  }
  for (const auto& [id, by] : marks) {
    if (by == replay && !accepted.contains(id))
      throw Violation(fmt::format("a replayed chunk is in the job that replays it: {} is not", id));
  }
}

bool has_more_to_replay(const Disk& disk, JobId origin) {
  return std::ranges::any_of(marks_of(disk, origin), [](const auto& mark) { return mark.second == JobId{}; });
}

}  // namespace sublet::sim
