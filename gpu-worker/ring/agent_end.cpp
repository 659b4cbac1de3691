#include "gpu-worker/ring/agent_end.hpp"

#include <algorithm>
#include <vector>

#include "gpu-worker/ring/outcome.hpp"

namespace sublet::ring {

Result<AgentEnd> AgentEnd::create(Bytes arena) {
  auto area = Area::create(arena);
  if (!area) {
    return std::unexpected(area.error());
  }
  auto commands = make_doorbell(false);
  auto replies = make_doorbell(true);
  if (!commands || !replies) {
    return std::unexpected(commands ? replies.error() : commands.error());
  }
  return AgentEnd(std::move(*area), std::move(*commands), std::move(*replies));
}

AgentEnd::AgentEnd(Area area, Doorbell commands, Doorbell replies)
    : area_(std::move(area)),
      commands_(std::move(commands)),
      replies_(std::move(replies)),
      writer_(area_.commands(), area_.control().command_tail, area_.control().command_head),
      reader_(area_.replies(), area_.control().reply_tail, area_.control().reply_head) {
  // The first reply rings, too: whoever polls the bell has nothing to look for before.
  area_.control().reply_reader_waits = 1;
}

void AgentEnd::close_child_ends() {
  commands_.listener.reset();
  replies_.ringer.reset();
}

PushOutcome AgentEnd::push(const Command& command) {
  const PushOutcome outcome = writer_.push(command);
  if (outcome == PushOutcome::pushed) {
    wake(commands_.ringer.get(), area_.control().command_reader_waits);
  }
  return outcome;
}

void AgentEnd::set_deadline(Instant deadline) {
  area_.control().deadline_ns.store(static_cast<std::uint64_t>(deadline.time_since_epoch().count()), std::memory_order_release);
}

Running AgentEnd::running() const {
  const Control& control = area_.control();
  return {.number = control.running_number.load(std::memory_order_acquire),
          .first = control.running_first.load(std::memory_order_acquire),
          .count = control.running_count.load(std::memory_order_acquire),
          .since_ns = control.running_since_ns.load(std::memory_order_acquire)};
}

std::string AgentEnd::note(const Reply& reply) const {
  const auto& note = area_.control().note;
  const std::vector<std::byte> copy(note, note + std::min<std::size_t>(reply.text_bytes, kNoteBytes));
  return clean_text(copy);
}

}  // namespace sublet::ring
