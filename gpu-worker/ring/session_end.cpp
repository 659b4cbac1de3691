#include "gpu-worker/ring/session_end.hpp"

#include <algorithm>
#include <cstring>

#include "common/io/clock.hpp"
#include "gpu-worker/ring/doorbell.hpp"

namespace sublet::ring {

Result<SessionEnd> SessionEnd::attach(LeaseId lease, io::FileDescriptor area, io::FileDescriptor listener, io::FileDescriptor ringer) {
  auto attached = Area::attach(std::move(area));
  if (!attached) {
    return std::unexpected(attached.error());
  }
  return SessionEnd(lease, std::move(*attached), std::move(listener), std::move(ringer));
}

SessionEnd::SessionEnd(LeaseId lease, Area area, io::FileDescriptor listener, io::FileDescriptor ringer)
    : lease_(lease),
      area_(std::move(area)),
      listener_(std::move(listener)),
      ringer_(std::move(ringer)),
      reader_(area_.commands(), area_.control().command_tail, area_.control().command_head),
      writer_(area_.replies(), area_.control().reply_tail, area_.control().reply_head) {}

bool SessionEnd::wait() {
  while (about_to_wait(reader_, area_.control().command_reader_waits)) {
    const bool rung = is_rung(listener_.get(), deadline());
    if (rung ? listen(listener_.get()) == Heard::closed : is_past_deadline(io::now())) {
      return false;
    }
  }
  return true;
}

Result<void> SessionEnd::reply(Reply reply) {
  reply.lease = lease_.value;
  if (writer_.push(reply) != PushOutcome::pushed) {
    return fail(ErrorCode::protocol_error, "the agent does not take the session's replies");
  }
  wake(ringer_.get(), area_.control().reply_reader_waits);
  return {};
}

Result<void> SessionEnd::reply(Reply reply, std::string_view note) {
  reply.text_bytes = static_cast<std::uint32_t>(std::min(note.size(), kNoteBytes));
  std::memcpy(area_.control().note, note.data(), reply.text_bytes);
  return this->reply(reply);
}

Result<std::span<std::byte>> SessionEnd::block(std::uint64_t offset, std::uint64_t bytes) const {
  const std::span<std::byte> arena = area_.arena();
  if (offset > arena.size() || bytes > arena.size() - offset) {
    return fail(ErrorCode::protocol_error, "a command's block lies outside the arena");
  }
  return arena.subspan(offset, bytes);
}

std::optional<Instant> SessionEnd::deadline() const {
  const std::uint64_t nanos = area_.control().deadline_ns.load(std::memory_order_acquire);
  if (nanos == 0) {
    return std::nullopt;
  }
  return Instant(Nanos(static_cast<Nanos::rep>(nanos)));
}

bool SessionEnd::is_past_deadline(Instant now) const {
  const auto until = deadline();
  return until && *until <= now;
}

void SessionEnd::begin_running(std::uint64_t number, std::uint32_t first, Instant since) {
  Control& control = area_.control();
  control.running_since_ns.store(static_cast<std::uint64_t>(since.time_since_epoch().count()), std::memory_order_relaxed);
  control.running_first.store(first, std::memory_order_relaxed);
  control.running_number.store(number, std::memory_order_release);
}

}  // namespace sublet::ring
