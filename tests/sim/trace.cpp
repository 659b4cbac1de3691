#include "tests/sim/trace.hpp"

#include <type_traits>

#include "common/wire/codec.hpp"

namespace sublet::sim {
namespace {

constexpr std::size_t kKept = 40;

std::string text_of(const std::vector<ChunkRange>& ranges) {
  std::string text;
  for (const auto& range : ranges) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", range.first);
    if (range.count > 1) text += fmt::format("-{}", range.first + range.count - 1);
  }
  return text;
}

std::string text_of(const wire::CodeList& codes) {
  std::string text;
  for (const auto code : codes.values) text += fmt::format("{}{}", text.empty() ? " codes " : ",", code);
  return text;
}

std::string short_hex(std::uint64_t id) { return to_hex(id).substr(0, 4); }

std::string text_of(const std::vector<wire::HeldLease>& leases) {
  std::string text;
  for (const auto& held : leases) {
    text += fmt::format(" lease {} grants [{}]", short_hex(held.lease.value), fmt::join(held.grants, ","));
  }
  return text;
}

std::string fields_of(const auto&) { return {}; }
std::string fields_of(const wire::Hello& hello) {
  return fmt::format("{} {}{}", hello.role == wire::Role::worker ? "worker" : "producer",
                     hello.plane == wire::Plane::bulk ? "bulk" : "control", text_of(hello.leases));
}
std::string fields_of(const wire::Welcome& welcome) {
  return fmt::format("store {} leases {}", short_hex(welcome.store), welcome.leases.size());
}
std::string fields_of(const wire::ErrorReply& error) { return fmt::format("{}: {}", error_info(error.code).name, error.detail); }
std::string fields_of(const wire::Lease& lease) {
  return fmt::format("{} card {} bytes {}", short_hex(lease.lease.value), lease.card, lease.bytes);
}
std::string fields_of(const wire::Window& window) { return fmt::format("{} chunks {}", short_hex(window.lease.value), window.chunks); }
std::string fields_of(const wire::Offer& offer) {
  std::string text = fmt::format("seen {}", offer.seen);
  for (const auto& card : offer.cards) text += fmt::format(" card {}: {} B, {} sessions", card.index, card.free_bytes, card.free_sessions);
  return text;
}
std::string fields_of(const wire::Renew& renew) { return text_of(renew.leases); }
std::string fields_of(const wire::Renewed& renewed) {
  std::string text;
  for (const auto& lease : renewed.leases) text += fmt::format(" {}", short_hex(lease.lease.value));
  return text;
}
std::string fields_of(const wire::Release& release) {
  return fmt::format("{} {} {}", short_hex(release.lease.value), error_info(release.code).name, release.detail);
}
std::string fields_of(const wire::Event& event) {
  const auto& job = event.job;
  return fmt::format("job {} state {} accepted {} ready {} waiting {} leased {} done {} dead {} dropped {} last {}",
                     short_hex(job.id.value), static_cast<int>(job.state), job.accepted, job.ready, job.waiting, job.leased, job.done,
                     job.dead, job.dropped, job.last_output.value);
}
std::string fields_of(const wire::Opened& opened) {
  return fmt::format("job {} resumed {} accepted {} taken {}", short_hex(opened.job.value), opened.resumed, opened.accepted,
                     opened.taken.value);
}
std::string fields_of(const wire::Open& open) { return fmt::format("key {}", open.spec.idempotency_key); }
std::string fields_of(const wire::Replay& replay) {
  return fmt::format("job {} key {}", short_hex(replay.job.value), replay.spec.idempotency_key);
}
std::string fields_of(const wire::Close& close) { return fmt::format("job {}", short_hex(close.job.value)); }
std::string fields_of(const wire::Cancel& cancel) { return fmt::format("job {}", short_hex(cancel.job.value)); }
std::string fields_of(const wire::Watch& watch) { return fmt::format("job {}", short_hex(watch.job.value)); }
std::string fields_of(const wire::Submit& submit) {
  return fmt::format("job {} chunks {}", short_hex(submit.job.value), text_of(submit.chunks));
}
std::string fields_of(const wire::Accepted& accepted) {
  return fmt::format("job {} fresh {}", short_hex(accepted.job.value), accepted.fresh);
}
std::string fields_of(const wire::Run& run) {
  return fmt::format("lease {} grant {}/{} job {} chunks {}{}", short_hex(run.lease.value), run.grant.value, short_hex(run.token.high),
                     short_hex(run.job.value), text_of(run.chunks), run.alone ? " alone" : "");
}
std::string fields_of(const wire::Settle& settle) {
  return fmt::format("lease {} grant {}/{}{}", short_hex(settle.lease.value), settle.grant.value, short_hex(settle.token.high),
                     text_of(settle.codes));
}
std::string fields_of(const wire::Settled& settled) {
  return fmt::format("lease {} grant {} {}", short_hex(settled.lease.value), settled.grant.value, error_info(settled.code).name);
}
std::string fields_of(const wire::Read& read) {
  return fmt::format("job {} after {} chunks {}", short_hex(read.job.value), read.after.value, read.chunks);
}
std::string fields_of(const wire::Output& output) {
  return fmt::format("job {} cursor {} chunks {}{}", short_hex(output.job.value), output.cursor.value, text_of(output.chunks),
                     text_of(output.codes));
}
std::string fields_of(const wire::Taken& taken) { return fmt::format("job {} cursor {}", short_hex(taken.job.value), taken.cursor.value); }

}  // namespace

std::string text_of(const wire::Message& message) {
  return fmt::format("{} {}", wire::name_of(wire::type_of(message)), std::visit([](const auto& held) { return fields_of(held); }, message));
}

void Trace::add(Instant now, std::string_view party, const std::string& text) {
  const auto micros = std::chrono::duration_cast<Micros>(now.time_since_epoch()).count();
  auto line = fmt::format("{:>4}.{:06} {:<10} {}", micros / 1'000'000, micros % 1'000'000, party, text);
  if (mode_ == Mode::print) {
    fmt::print("{}\n", line);
    return;
  }
  last_.push_back(std::move(line));
  if (last_.size() > kKept) last_.pop_front();
}

}  // namespace sublet::sim
