#include "tests/sim/checker.hpp"

#include <algorithm>
#include <utility>

#include "broker/core/batch.hpp"
#include "broker/core/entry.hpp"
#include "broker/core/outcome.hpp"
#include "tests/sim/chunks.hpp"

namespace sublet::sim {
namespace {

using broker::ChunkState;
using broker::RecordKey;
using broker::RecordKind;

template <class Visit>
void for_each_id(const std::vector<ChunkRange>& ranges, Visit visit) {
  for (const auto& range : ranges) {
    for (std::uint64_t step = 0; step < range.count; ++step) visit(range.first + step);
  }
}

std::vector<std::uint64_t> ids_of(const std::vector<ChunkRange>& ranges) {
  std::vector<std::uint64_t> ids;
  for_each_id(ranges, [&](std::uint64_t id) { ids.push_back(id); });
  return ids;
}

bool keeps(const JobSpec& spec) { return spec.aggregate == AggregateKind::collect || spec.aggregate == AggregateKind::concat; }

std::string job_text(JobId job) { return fmt::format("job {}", to_hex(job).substr(0, 4)); }

/// All records of one kind that belong to one owner.
template <class Visit>
void for_each_of(const Disk& disk, RecordKind kind, std::uint64_t owner, Visit visit) {
  const auto& records = disk.records();
  for (auto at = records.lower_bound({.kind = kind, .owner = owner}); at != records.end(); ++at) {
    if (at->first.kind != kind || at->first.owner != owner) return;
    visit(at->first, at->second);
  }
}

template <class Visit>
void for_each_of(const Disk& disk, RecordKind kind, Visit visit) {
  const auto& records = disk.records();
  for (auto at = records.lower_bound({.kind = kind}); at != records.end() && at->first.kind == kind; ++at) visit(at->first, at->second);
}

/// The bytes that a commit writes beside the output entry `entry`. They may be erased again by the same commit, when everything was taken.
const Blob* bytes_of(const broker::Commit& commit, const RecordKey& entry) {
  const RecordKey key{.kind = RecordKind::output_bytes, .owner = entry.owner, .item = entry.item};
  for (const auto& write : commit.writes) {
    if (write.key == key && std::holds_alternative<Blob>(write.value)) return &std::get<Blob>(write.value);
  }
  return nullptr;
}

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

void Checker::violated(const std::string& what) { throw Violation(what); }

void Checker::before(const Disk& disk, const broker::Commit& commit) {
  std::set<std::uint64_t> ending;
  for (const auto& [key, value] : commit.writes) {
    if (key.kind == RecordKind::lease && std::holds_alternative<broker::Erase>(value)) ending.insert(key.owner);
  }
  if (ending.empty()) return;
  for_each_of(disk, RecordKind::grant, [&](const RecordKey&, const broker::RecordValue& value) {
    const auto& grant = std::get<broker::GrantRecord>(value);
    if (!ending.contains(grant.lease.value)) return;
    const auto seen = grants_.find(grant.token);
    if (seen == grants_.end()) return;
    if (!greeted_ && !seen->second.settled && !let_go_(grant.lease, grant.id)) {
      violated(fmt::format("a lease with work ends at its holder first: lease {} has ended while its agent may use it",
                           to_hex(grant.lease).substr(0, 4)));
    }
    for (const auto id : seen->second.chunks) jobs_[seen->second.job].noted[id].insert(grant.token);
  });
}

void Checker::committed(const Disk& disk, const broker::Commit& commit) {
  std::set<JobId> touched;
  bool fences = false;
  for (const auto& [key, value] : commit.writes) {
    if (key.kind >= RecordKind::job && key.kind <= RecordKind::output) touched.insert({.value = key.owner});
    fences = fences || key.kind == RecordKind::grant || key.kind == RecordKind::runs || key.kind == RecordKind::lease;
    if (const auto* output = std::get_if<broker::SharedOutput>(&value)) note_log(key, *output, bytes_of(commit, key));
  }
  for (const auto job : touched) check_job(disk, job);
  if (fences) check_grants(disk);
  greeted_ = false;
}

void Checker::note_log(const RecordKey& key, const broker::SharedOutput& output, const Blob* payload) {
  const JobId job{.value = key.owner};
  auto& truth = jobs_[job];
  if (!truth.log.emplace(key.item, output).second)
    violated(fmt::format("an entry of the output log never changes: {} has written {} twice", job_text(job), key.item));
  const auto ids = ids_of(output->chunks);
  std::size_t offset = 0;
  for (std::size_t index = 0; index < ids.size(); ++index) {
    const auto code = output->codes.values.empty() ? 0 : output->codes.values[index];
    if (!truth.logged.insert(ids[index]).second) {
      violated(fmt::format("an output counts exactly once: chunk {} of {} stands in its output log twice", ids[index], job_text(job)));
    }
    if (code != 0) {
      truth.dead.insert(ids[index]);
      check_dead(truth, specs_[job], ids[index], static_cast<ErrorCode>(code));
      continue;
    }
    const auto length = output->lengths.values[index];
    const auto expected = Chunks::output_of({.job = truth.script, .id = ids[index]});
    const auto bytes = std::as_bytes(std::span(&expected, 1));
    if (length != bytes.size() || payload == nullptr || payload->size() < offset + length ||
        !std::ranges::equal(payload->view().subspan(offset, length), bytes)) {
      violated(fmt::format("an output is what the chunk comes to: chunk {} of {} has another one", ids[index], job_text(job)));
    }
    offset += length;
  }
}

void Checker::check_dead(JobTruth& truth, const JobSpec& spec, std::uint64_t id, ErrorCode code) {
  const auto charged = truth.charged[id].size();
  const auto noted = truth.noted[id].size();
  const bool poison = code == ErrorCode::poison && noted > broker::kCrashesBeforeAlone;
  const auto retry = error_info(code).retry;
  const bool failed = code != ErrorCode::poison && ((retry == RetryClass::never && charged >= 1) ||
                                                    (retry == RetryClass::once && charged >= 2) || charged > spec.retry.max_retries);
  if (poison || failed) return;
  violated(fmt::format(
      "a chunk is dead only when it failed as often as its policy says: chunk {} is dead with {} after {} failures and {} session deaths",
      id, error_info(code).name, charged, noted));
}

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
  for_each_of(disk, RecordKind::accepted, id.value, [&](const RecordKey& key, const broker::RecordValue& value) {
    for (auto chunk = key.item; chunk <= std::get<broker::AcceptedRecord>(value).last; ++chunk) state.accepted.insert(chunk);
  });
  check_accepted(disk, state);
  check_aggregate(state);
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

void Checker::replaced(const Disk&) {
  jobs_.clear();
  grants_.clear();
  submits_.clear();
}

void Checker::lost_commits(const Disk& disk) {
  const bool may_lose = simulation_.plan.store == StoreClass::fast;
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    auto& [id, truth] = *job;
    if (may_lose && disk.find<broker::JobRecord>({.kind = RecordKind::job, .owner = id.value}) == nullptr) {
      job = jobs_.erase(job);
      continue;
    }
    const auto* progress = disk.find<broker::ProgressRecord>({.kind = RecordKind::progress, .owner = id.value});
    const auto last = progress == nullptr ? 0 : progress->last_output.value;
    for (auto entry = truth.log.upper_bound(last); entry != truth.log.end(); entry = truth.log.erase(entry)) {
      for_each_id(entry->second->chunks, [&](std::uint64_t chunk) {
        truth.logged.erase(chunk);
        truth.dead.erase(chunk);
      });
    }
    if (may_lose) {
      truth.shaken = true;
      std::set<std::uint64_t> accepted;
      for_each_of(disk, RecordKind::accepted, id.value, [&](const RecordKey& key, const broker::RecordValue& value) {
        for (auto chunk = key.item; chunk <= std::get<broker::AcceptedRecord>(value).last; ++chunk) accepted.insert(chunk);
      });
      std::erase_if(truth.acknowledged, [&](std::uint64_t chunk) { return !accepted.contains(chunk); });
    }
    ++job;
  }
  check_everything(disk);
}

void Checker::heard(std::uint64_t epoch, broker::PeerId peer, std::uint64_t request, const wire::Message& message) {
  if (const auto* submit = std::get_if<wire::Submit>(&message)) submits_[{epoch, peer.value, request}] = *submit;
  if (const auto* hello = std::get_if<wire::Hello>(&message)) greeted_ = greeted_ || hello->role == wire::Role::worker;
  const auto* settle = std::get_if<wire::Settle>(&message);
  if (settle == nullptr) return;
  const auto seen = grants_.find(settle->token);
  if (seen == grants_.end()) return;
  seen->second.settled = true;
  auto& truth = jobs_[seen->second.job];
  for (std::size_t index = 0; index < settle->codes.values.size() && index < seen->second.chunks.size(); ++index) {
    const auto code = static_cast<ErrorCode>(settle->codes.values[index]);
    if (code == ErrorCode::ok) continue;
    const auto chunk = seen->second.chunks[index];
    if (code == ErrorCode::session_lost) {
      truth.noted[chunk].insert(settle->token);
    } else if (error_info(code).retry != RetryClass::free) {
      truth.charged[chunk].insert(settle->token);
    }
  }
}

void Checker::decided(const broker::Send& send) {
  if (const auto* run = std::get_if<wire::Run>(&send.message)) {
    if (!grants_.emplace(run->token, GrantSeen{.job = run->job, .chunks = ids_of(run->chunks)}).second) {
      violated("a fence is never given twice");
    }
  }
}

void Checker::leaves(const Disk& disk, const broker::Send& send) {
  const auto stored = [&](RecordKind kind, std::uint64_t owner) { return disk.records().contains({.kind = kind, .owner = owner}); };
  const auto unless = [](bool kept, std::string_view what) {
    if (!kept) violated(fmt::format("nothing leaves before it is stored: {}", what));
  };
  if (const auto* accepted = std::get_if<wire::Accepted>(&send.message)) {
    const auto submit = submits_.extract({disk.epoch(), send.peer.value, send.request});
    if (!submit) violated("ACCEPTED answers a SUBMIT: this one answers none");
    unless(stored(RecordKind::job, accepted->job.value), "ACCEPTED for a job that is not");
    auto& truth = jobs_[accepted->job];
    for_each_id(submit.mapped().chunks, [&](std::uint64_t id) { truth.acknowledged.insert(id); });
    check_job(disk, accepted->job);
  } else if (const auto* run = std::get_if<wire::Run>(&send.message)) {
    const auto* grant = disk.find<broker::GrantRecord>({.kind = RecordKind::grant, .owner = run->grant.value});
    unless(grant != nullptr && grant->token == run->token, "RUN with a fence that is not");
  } else if (const auto* settled = std::get_if<wire::Settled>(&send.message)) {
    unless(settled->code != ErrorCode::ok || !stored(RecordKind::grant, settled->grant.value), "SETTLED while the grant is still there");
  } else if (const auto* output = std::get_if<wire::Output>(&send.message)) {
    const auto* progress = disk.find<broker::ProgressRecord>({.kind = RecordKind::progress, .owner = output->job.value});
    unless(progress != nullptr && progress->last_output >= output->cursor, "an OUTPUT that is not");
  } else if (const auto* opened = std::get_if<wire::Opened>(&send.message)) {
    unless(stored(RecordKind::job, opened->job.value), "OPENED for a job that is not");
  }
}

bool Checker::forgotten(const Disk& disk, JobId job) const {
  const auto known = jobs_.find(job);
  return known != jobs_.end() && known->second.ended &&
         disk.find<broker::JobRecord>({.kind = RecordKind::job, .owner = job.value}) == nullptr;
}

void Checker::finished(const Disk& disk) {
  check_everything(disk);
  // The end of a job may have been told and then lost.
  if (disk.ever_lost() || simulation_.plan.store == StoreClass::memory) return;
  for_each_of(disk, RecordKind::job, [&](const RecordKey& key, const broker::RecordValue&) {
    const auto* progress = disk.find<broker::ProgressRecord>({.kind = RecordKind::progress, .owner = key.owner});
    if (progress == nullptr || !has_ended(progress->state)) {
      violated(fmt::format("every job ends once the faults stop: {} has not", job_text({.value = key.owner})));
    }
  });
}

}  // namespace sublet::sim
