#include "tests/sim/checker.hpp"

#include <algorithm>
#include <utility>

#include "broker/core/batch.hpp"
#include "broker/core/entry.hpp"
#include "broker/core/outcome.hpp"
#include "tests/sim/chunks.hpp"
#include "tests/sim/records.hpp"

namespace sublet::sim {
namespace {

using broker::ChunkState;
using broker::RecordKey;
using broker::RecordKind;

bool is_granted(const broker::Step& step, const wire::Run& run) {
  return std::ranges::any_of(step.writes, [&](const broker::Write& write) {
    const auto* grant = std::get_if<broker::GrantRecord>(&write.value);
    return grant != nullptr && grant->id == run.grant && grant->token == run.token;
  });
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

void Checker::violated(const std::string& what) { throw Violation(what); }

void Checker::before(const Disk& disk, const broker::Commit& commit) {
  std::set<std::uint64_t> ending;
  // What was granted of a job that ends by the same commit is nobody's work any more.
  std::set<std::uint64_t> over;
  for (const auto& [key, value] : commit.writes) {
    if (key.kind == RecordKind::lease && std::holds_alternative<broker::Erase>(value)) ending.insert(key.owner);
    const auto* progress = std::get_if<broker::ProgressRecord>(&value);
    if (progress != nullptr && has_ended(progress->state)) over.insert(key.owner);
  }
  if (ending.empty()) return;
  for_each_of(disk, RecordKind::grant, [&](const RecordKey&, const broker::RecordValue& value) {
    const auto& grant = std::get<broker::GrantRecord>(value);
    if (!ending.contains(grant.lease.value)) return;
    const auto seen = grants_.find(grant.token);
    if (seen == grants_.end()) return;
    const bool is_over = seen->second.settled || over.contains(grant.job.value) || counts_as_lost(grant, seen->second);
    if (!greeted_ && !is_over && !let_go_(grant.lease, grant.id)) {
      violated(fmt::format("a lease with work ends at its holder first: lease {} has ended while its agent may use it",
                           to_hex(grant.lease).substr(0, 4)));
    }
    for (const auto id : seen->second.chunks) jobs_[seen->second.job].noted[id].insert(grant.token);
  });
}

/// Its holder did not name it in time. The RUN may be on its way all the same: a RENEW that is older does not name it, however long the
/// commit took that it waited for. Its chunks are ready again, its lease may be given away, and what its holder makes of it is stale.
bool Checker::counts_as_lost(const broker::GrantRecord& grant, const GrantSeen& seen) const {
  const auto renewed = renewed_.find(grant.lease);
  if (renewed == renewed_.end()) return false;
  const Nanos lost_after = simulation_.plan.rules.run_lost_after;
  const bool unnamed = std::ranges::any_of(
      renewed->second, [&](const Heard& renew) { return renew.at >= seen.decided && !renew.named.contains(grant.id.value); });
  // By when it was taken up, not by when it was heard: a broker that was held up takes up several together.
  return unnamed && simulation_.time.now() >= seen.decided + lost_after * 99 / 100;
}

void Checker::committed(const Disk& disk, const broker::Commit& commit) {
  std::set<JobId> touched;
  bool fences = false;
  for (const auto& [key, value] : commit.writes) {
    if ((key.kind >= RecordKind::job && key.kind <= RecordKind::output) || key.kind == RecordKind::dead)
      touched.insert({.value = key.owner});
    fences = fences || key.kind == RecordKind::grant || key.kind == RecordKind::runs || key.kind == RecordKind::lease;
    if (const auto* output = std::get_if<broker::SharedOutput>(&value)) note_log(key, *output, bytes_of(commit, key));
  }
  for (const auto job : touched) check_job(disk, job);
  if (fences) check_grants(disk);
  timing_.committed(disk, commit);
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

void Checker::loaded(const Disk& disk) {
  check_everything(disk);
  timing_.loaded(disk);
}

void Checker::replaced(const Disk&) {
  timing_.replaced();
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
      const auto accepted = accepted_of(disk, id);
      std::erase_if(truth.acknowledged, [&](std::uint64_t chunk) { return !accepted.contains(chunk); });
    }
    ++job;
  }
  check_everything(disk);
}

void Checker::heard(std::uint64_t epoch, broker::PeerId peer, std::uint64_t request, const wire::Message& message) {
  if (const auto* submit = std::get_if<wire::Submit>(&message)) submits_[{epoch, peer.value, request}] = *submit;
  if (const auto* hello = std::get_if<wire::Hello>(&message)) greeted_ = greeted_ || hello->role == wire::Role::worker;
  if (const auto* renew = std::get_if<wire::Renew>(&message)) {
    for (const auto& held : renew->leases)
      renewed_[held.lease].push_back({.at = simulation_.time.now(), .named = {held.grants.begin(), held.grants.end()}});
  }
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

void Checker::decided(const broker::Step& step) {
  timing_.decided(step);
  for (const auto& send : step.sends) {
    const auto* run = std::get_if<wire::Run>(&send.message);
    if (run != nullptr &&
        !grants_.emplace(run->token, GrantSeen{.job = run->job, .chunks = ids_of(run->chunks), .decided = simulation_.time.now()}).second) {
      violated("a fence is never given twice");
    }
    if (run != nullptr && !is_granted(step, *run)) violated("what is run is granted in the same commit");
  }
}

void Checker::leaves(const Disk& disk, const broker::Send& send) {
  const auto stored = [&](RecordKind kind, std::uint64_t owner) { return disk.records().contains({.kind = kind, .owner = owner}); };
  const auto unless = [](bool kept, std::string_view what) {
    if (!kept) violated(fmt::format("nothing leaves before it is stored: {}", what));
  };
  // One that has ended may be forgotten by the very commit that lets its answer go.
  const auto is_known = [&](JobId job) { return stored(RecordKind::job, job.value) || forgotten(disk, job); };
  if (const auto* accepted = std::get_if<wire::Accepted>(&send.message)) {
    const auto submit = submits_.extract({disk.epoch(), send.peer.value, send.request});
    if (!submit) violated("ACCEPTED answers a SUBMIT: this one answers none");
    unless(is_known(accepted->job), "ACCEPTED for a job that is not");
    auto& truth = jobs_[accepted->job];
    for_each_id(submit.mapped().chunks, [&](std::uint64_t id) { truth.acknowledged.insert(id); });
    check_job(disk, accepted->job);
  } else if (const auto* run = std::get_if<wire::Run>(&send.message)) {
    const auto* grant = disk.find<broker::GrantRecord>({.kind = RecordKind::grant, .owner = run->grant.value});
    unless(send.early || (grant != nullptr && grant->token == run->token), "RUN with a fence that is not");
    timing_.leaves(disk, *run);
  } else if (const auto* settled = std::get_if<wire::Settled>(&send.message)) {
    unless(settled->code != ErrorCode::ok || !stored(RecordKind::grant, settled->grant.value), "SETTLED while the grant is still there");
  } else if (const auto* output = std::get_if<wire::Output>(&send.message)) {
    const auto* progress = disk.find<broker::ProgressRecord>({.kind = RecordKind::progress, .owner = output->job.value});
    unless(forgotten(disk, output->job) || (progress != nullptr && progress->last_output >= output->cursor), "an OUTPUT that is not");
  } else if (const auto* opened = std::get_if<wire::Opened>(&send.message)) {
    unless(is_known(opened->job), "OPENED for a job that is not");
    acknowledge_replay(disk, opened->job);
  }
}

/// What a job runs again is accepted with its opening.
void Checker::acknowledge_replay(const Disk& disk, JobId job) {
  const auto* record = disk.find<broker::JobRecord>({.kind = RecordKind::job, .owner = job.value});
  if (record == nullptr || record->origin == JobId{}) return;
  jobs_[job].acknowledged.merge(accepted_of(disk, job));
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
