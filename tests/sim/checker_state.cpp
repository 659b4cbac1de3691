// What has to hold of everything that is stored, whatever came before.

#include <algorithm>
#include <utility>

#include "tests/sim/checker.hpp"
#include "tests/sim/chunks.hpp"
#include "tests/sim/records.hpp"
#include "tests/sim/replay_checker.hpp"

namespace sublet::sim {
namespace {

using broker::ChunkState;
using broker::RecordKey;
using broker::RecordKind;

bool keeps(const JobSpec& spec) { return spec.aggregate == AggregateKind::collect || spec.aggregate == AggregateKind::concat; }

}  // namespace

/// A job as the store has it.
struct Checker::JobState {
  JobId id;
  JobTruth& truth;
  const JobSpec& spec;
  broker::ProgressRecord progress;
  /// Accepted ids that are neither done, dead nor dropped, and those that are leased.
  std::set<std::uint64_t> unfinished;
  std::uint64_t leased = 0;
  std::set<std::uint64_t> accepted;
};

void Checker::check_everything(const Disk& disk) {
  for_each_of(disk, RecordKind::job, [&](const RecordKey& key, const broker::RecordValue&) { check_job(disk, {.value = key.owner}); });
  for (const auto& [id, truth] : jobs_) {
    if (!truth.ended && !truth.acknowledged.empty() &&
        disk.find<broker::JobRecord>({.kind = RecordKind::job, .owner = id.value}) == nullptr) {
      violated(fmt::format("no acknowledged chunk is lost: {} with {} accepted chunks is gone", job_text(id), truth.acknowledged.size()));
    }
  }
  check_grants(disk);
}

void Checker::check_job(const Disk& disk, JobId id) {
  const auto* record = disk.find<broker::JobRecord>({.kind = RecordKind::job, .owner = id.value});
  if (record == nullptr) {
    const auto known = jobs_.find(id);
    if (known != jobs_.end() && !known->second.ended && !known->second.acknowledged.empty())
      violated(fmt::format("no acknowledged chunk is lost: {} is gone", job_text(id)));
    return;
  }
  const auto& spec = specs_.insert_or_assign(id, record->spec).first->second;
  JobState state{.id = id, .truth = jobs_[id], .spec = spec, .progress = {}, .unfinished = {}, .accepted = {}};
  state.truth.script = static_cast<std::uint32_t>(std::stoul(spec.name));
  if (const auto* progress = disk.find<broker::ProgressRecord>({.kind = RecordKind::progress, .owner = id.value}))
    state.progress = *progress;
  state.truth.ended = has_ended(state.progress.state);
  for_each_of(disk, RecordKind::batch, id.value, [&](const RecordKey& key, const broker::RecordValue&) { check_runs(disk, state, key); });
  state.accepted = accepted_of(disk, id);
  check_accepted(disk, state);
  check_aggregate(state);
  if (record->origin != JobId{}) check_replay(disk, id, record->origin);
}

void Checker::check_runs(const Disk& disk, JobState& state, const RecordKey& key) {
  const auto& batch = *disk.find<broker::SharedBatch>(key);
  const auto ids = ids_of(batch->chunks);
  const auto* runs = disk.find<broker::RunsRecord>({.kind = RecordKind::runs, .owner = key.owner, .item = key.item});
  if (runs == nullptr) {
    state.unfinished.insert(ids.begin(), ids.end());
    return;
  }
  std::size_t position = 0;
  for (const auto& run : runs->runs) {
    for (std::uint32_t step = 0; step < run.count; ++step, ++position) {
      const auto id = ids.at(position);
      if (run.state == ChunkState::leased) ++state.leased;
      if (run.state <= ChunkState::leased && !state.unfinished.insert(id).second) {
        violated(fmt::format("a chunk has one state: chunk {} of {} is in two batches", id, job_text(state.id)));
      }
      if (run.attempts > 0 && run.attempts > state.truth.charged[id].size()) {
        violated(fmt::format(
            "an attempt is charged once, and only for a failure: chunk {} of {} is charged with {} attempts and failed {} times", id,
            job_text(state.id), run.attempts, state.truth.charged[id].size()));
      }
      if (run.crashes > 0 && run.crashes > state.truth.noted[id].size()) {
        violated(fmt::format("a session's death is noted once: chunk {} of {} has {} notes of {} deaths", id, job_text(state.id),
                             run.crashes, state.truth.noted[id].size()));
      }
    }
  }
  if (position != ids.size())
    violated(fmt::format("each chunk of a stored batch has a state: {} of {} have in {}", position, ids.size(), job_text(state.id)));
}

void Checker::check_accepted(const Disk&, const JobState& state) {
  const auto& progress = state.progress;
  if (!std::ranges::includes(state.accepted, state.truth.acknowledged)) {
    violated(fmt::format("no acknowledged chunk is lost: {} has {} accepted ids, not all of the {} that were acknowledged",
                         job_text(state.id), state.accepted.size(), state.truth.acknowledged.size()));
  }
  if (state.accepted.size() != progress.accepted) {
    violated(fmt::format("the count of accepted chunks is right: {} counts {} and has {}", job_text(state.id), progress.accepted,
                         state.accepted.size()));
  }
  if (!std::ranges::includes(state.accepted, state.unfinished)) {
    violated(fmt::format("a chunk runs only when it was accepted: {} has one that was not", job_text(state.id)));
  }
  const auto sum = state.unfinished.size() + progress.done + progress.dead + progress.dropped;
  if (sum != progress.accepted) {
    violated(fmt::format("every accepted chunk is unfinished, done, dead or dropped: {} accepted {}, but {} + {} + {} + {} are",
                         job_text(state.id), progress.accepted, state.unfinished.size(), progress.done, progress.dead, progress.dropped));
  }
}

void Checker::check_aggregate(const JobState& state) {
  const auto& progress = state.progress;
  const auto& truth = state.truth;
  if (truth.dead.size() != progress.dead) {
    violated(fmt::format("a dead chunk is told once: {} counts {} and told {}", job_text(state.id), progress.dead, truth.dead.size()));
  }
  if (keeps(state.spec)) {
    if (truth.logged.size() != progress.done + progress.dead) {
      violated(fmt::format("an output counts exactly once: {} has {} chunks done or dead and {} in its output log", job_text(state.id),
                           progress.done + progress.dead, truth.logged.size()));
    }
    return;
  }
  // Which chunks were dropped is not stored.
  if (progress.dropped > 0 || state.spec.aggregate == AggregateKind::count) return;
  std::uint64_t done = 0;
  std::int64_t expected = 0;
  for (const auto id : state.accepted) {
    if (state.unfinished.contains(id) || truth.dead.contains(id)) continue;
    const auto output = Chunks::output_of({.job = truth.script, .id = id});
    const bool first = done++ == 0;
    switch (state.spec.aggregate) {
      case AggregateKind::min:
        expected = first ? output : std::min(expected, output);
        break;
      case AggregateKind::max:
        expected = first ? output : std::max(expected, output);
        break;
      default:
        expected += output;
    }
  }
  if (progress.value.elements != done && state.spec.aggregate != AggregateKind::count) {
    violated(fmt::format("an output counts exactly once: the aggregate of {} holds {} outputs of {} chunks", job_text(state.id),
                         progress.value.elements, done));
  }
  if (done > 0 && progress.value.integer != expected) {
    violated(
        fmt::format("the aggregate is that of the outputs: {} has {} instead of {}", job_text(state.id), progress.value.integer, expected));
  }
}

void Checker::check_grants(const Disk& disk) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::map<std::uint32_t, std::uint64_t>> fenced;
  for_each_of(disk, RecordKind::grant, [&](const RecordKey&, const broker::RecordValue& value) {
    const auto& grant = std::get<broker::GrantRecord>(value);
    if (disk.find<broker::LeaseRecord>({.kind = RecordKind::lease, .owner = grant.lease.value}) == nullptr) {
      violated(fmt::format("a fence ends with its lease: grant {} is there without it", grant.id.value));
    }
    for (const auto& part : grant.parts) {
      auto& positions = fenced[{grant.job.value, part.batch.value}];
      for (auto at = part.begin; at < part.begin + part.count; ++at) {
        if (!positions.emplace(at, grant.id.value).second) {
          violated(fmt::format("no chunk is leased under two live fences: position {} of batch {} of {} is", at, part.batch.value,
                               job_text(grant.job)));
        }
      }
    }
  });
  for_each_of(disk, RecordKind::runs, [&](const RecordKey& key, const broker::RecordValue& value) {
    const auto found = fenced.find({key.owner, key.item});
    std::uint32_t position = 0;
    for (const auto& run : std::get<broker::RunsRecord>(value).runs) {
      for (std::uint32_t step = 0; step < run.count; ++step, ++position) {
        if (run.state != ChunkState::leased) continue;
        const bool held = found != fenced.end() && found->second.erase(position) == 1;
        if (!held) {
          violated(fmt::format("a leased chunk has a fence: position {} of batch {} of {} has none, so nobody will ever settle it",
                               position, key.item, job_text({.value = key.owner})));
        }
      }
    }
  });
  for (const auto& [batch, positions] : fenced) {
    if (!positions.empty()) {
      violated(fmt::format("a fence stands for leased chunks: grant {} holds position {} of batch {} of {}, which is not leased",
                           positions.begin()->second, positions.begin()->first, batch.second, job_text({.value = batch.first})));
    }
  }
}

}  // namespace sublet::sim
