// A session process that behaves until it gets chunks, and then writes whatever it likes into the memory that it shares with the agent.

#include <cstring>
#include <list>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/random.hpp"
#include "gpu-worker/ring/link.hpp"

namespace {

using namespace sublet;

/// Rings every bell there is, as only the ring's own code should.
void ring_bells() {
  for (int fd = ring::kInheritedLink + 1; fd < 64; ++fd) {
    struct stat status = {};
    if (::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) && (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
      const char byte = 1;
      [[maybe_unused]] const auto rung = ::write(fd, &byte, 1);
    }
  }
}

std::byte* area_of(ring::SessionEnd& end) { return end.block(0, 0)->data() - ring::kArenaAt; }

/// A reply in another lease's name, past the code that would sign it.
void answer_for_a_foreign_lease(ring::SessionEnd& end, ring::Reply reply) {
  std::byte* const area = area_of(end);
  auto& control = *reinterpret_cast<ring::Control*>(area);
  auto* const replies = reinterpret_cast<ring::Reply*>(area + ring::kRepliesAt);
  const std::uint64_t tail = control.reply_tail;
  reply.lease = end.lease().value + 1;
  replies[tail % ring::kSlots] = reply;
  control.reply_tail = tail + 1;
  ring_bells();
}

/// One hostile deed for each run; which one, the first byte of its input says.
void misbehave(ring::SessionEnd& end, const ring::Command& command) {
  const auto layout = ring::run_layout(command.count, command.input_bytes, command.detail_bytes, command.output_bytes);
  const auto block = *end.block(command.block, layout.total);
  const auto deed = std::to_integer<char>(block[layout.input]);
  ring::Reply reply{.number = command.number};
  if (deed == 'l') {
    std::memset(block.data() + layout.output_lengths, 0xff, command.count * sizeof(std::uint32_t));
  } else if (deed == 'c') {
    std::memset(block.data() + layout.codes, 0x7f, command.count * sizeof(std::uint16_t));
  } else if (deed == 'd') {
    reply.text_bytes = ~0U;
  } else if (deed == 'n') {
    reply.number += 17;
  } else if (deed == 'k') {
    reply.kind = static_cast<ring::ReplyKind>(99);
  } else if (deed == 'o' || deed == 'O') {
    // Its one chunk is done. What its kernels made the process grow to: much, or more than there is.
    std::memset(block.data() + layout.codes, 0, layout.details - layout.codes);
    reply.overhead_bytes = (deed == 'o' ? 16_MiB : 1_GiB).count;
  } else if (deed == 'f') {
    return answer_for_a_foreign_lease(end, reply);
  } else if (deed == 'h') {
    // Only the agent's end says what came over the link; a second greeting is one too many.
    const ring::SessionLink link{io::FileDescriptor(::dup(ring::kInheritedLink))};
    [[maybe_unused]] const auto greeted = link.greet({.text = "again"});
    return;
  } else if (deed == 'r') {
    // Everything outside its own block, the ring's positions among it.
    SeededRandom random(5);
    std::byte* const area = area_of(end);
    for (std::size_t at = 64; at < ring::kArenaAt; ++at) {
      area[at] = static_cast<std::byte>(random.next());
    }
    return ring_bells();
  }
  [[maybe_unused]] const auto told = end.reply(reply);
}

void serve(ring::SessionEnd end) {
  while (end.wait()) {
    const auto command = end.next();
    if (!command) {
      ::_exit(2);
    }
    if (!*command) {
      continue;
    }
    if ((*command)->kind == ring::CommandKind::start) {
      [[maybe_unused]] const auto told = end.reply({.kind = ring::ReplyKind::started, .peak_bytes = ~std::uint64_t{0}});
    } else if ((*command)->kind == ring::CommandKind::close) {
      [[maybe_unused]] const auto told = end.reply({.kind = ring::ReplyKind::closed});
    } else {
      misbehave(end, **command);
    }
  }
}

}  // namespace

int main() {
  const ring::SessionLink link{io::FileDescriptor(ring::kInheritedLink)};
  if (!link.greet({.text = "hostile", .total = 1_GiB, .context = 1_MiB})) {
    return 1;
  }
  std::list<std::thread> threads;
  while (auto end = link.next()) {
    if (!*end) {
      ::_exit(0);
    }
    threads.emplace_back(serve, std::move(**end));
  }
  ::_exit(3);
}
