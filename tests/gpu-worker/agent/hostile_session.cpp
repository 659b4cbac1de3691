// A session process that behaves until it gets chunks, and then writes whatever it likes into the memory that it shares with the agent.

#include <cstring>

#include <unistd.h>

#include "common/random.hpp"
#include "gpu-worker/ring/session_end.hpp"

namespace {

using namespace sublet;
using ring::InheritedFds;

/// One hostile deed for each run; which one, the first byte of its input says.
void misbehave(ring::SessionEnd& end, const ring::Command& command) {
  const auto layout = ring::run_layout(command.count, command.input_bytes, command.detail_bytes, command.output_bytes);
  const auto block = *end.block(command.block, layout.total);
  const auto deed = std::to_integer<char>(block[layout.input]);
  ring::Reply reply{.number = command.number};
  if (deed == 'l') {
    std::memset(block.data() + layout.output_lengths, 0xff, command.count * 4);
  } else if (deed == 'c') {
    std::memset(block.data() + layout.codes, 0x7f, command.count * 2);
  } else if (deed == 'd') {
    reply.text_bytes = ~0U;
  } else if (deed == 'n') {
    reply.number += 17;
  } else if (deed == 'k') {
    reply.kind = static_cast<ring::ReplyKind>(99);
  } else if (deed == 'r') {
    // Everything outside its own block, the ring's positions among it.
    SeededRandom random(5);
    std::byte* const area = end.block(0, 0)->data() - ring::kArenaAt;
    for (std::size_t at = 64; at < ring::kArenaAt; ++at) {
      area[at] = static_cast<std::byte>(random.next());
    }
    const char byte = 1;
    [[maybe_unused]] const auto rung = ::write(InheritedFds::kRinger, &byte, 1);
    return;
  }
  [[maybe_unused]] const auto told = end.reply(reply);
}

}  // namespace

int main() {
  auto end = ring::SessionEnd::attach(io::FileDescriptor(InheritedFds::kArea), io::FileDescriptor(InheritedFds::kListener),
                                      io::FileDescriptor(InheritedFds::kRinger));
  if (!end || !end->reply({.kind = ring::ReplyKind::opened, .device_bytes = 1 << 30}, "hostile")) {
    return 1;
  }
  while (end->wait()) {
    const auto command = end->next();
    if (!command) {
      return 2;
    }
    if (!*command) {
      continue;
    }
    if ((*command)->kind == ring::CommandKind::start) {
      [[maybe_unused]] const auto told = end->reply({.kind = ring::ReplyKind::started, .peak_bytes = ~std::uint64_t{0}});
    } else {
      misbehave(*end, **command);
    }
  }
  return 0;
}
