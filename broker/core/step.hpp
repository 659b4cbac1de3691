#pragma once

// What goes into the broker's core and what comes out. The core has no socket, clock or store: the loop hands it inputs and a time, commits
// the writes it answers with, and only then sends the sends, but for those that promise nothing.

#include <cstdint>
#include <variant>
#include <vector>

#include "broker/stores/record.hpp"
#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker {

/// A connected peer, both planes together. Given by the loop at HELLO, never reused.
using PeerId = Id<struct PeerTag>;

/// A message from a peer that has said HELLO (that HELLO itself included, when it came on control).
struct Received {
  PeerId peer;
  std::uint64_t request = 0;
  wire::Message message;
  Blob payload;
};

/// The connection is gone: closed, silent for too long, or replaced.
struct PeerGone {
  PeerId peer;
};

/// A payload that was away, or why it cannot be had.
struct Fetched {
  RecordKey key;
  Result<Blob> bytes;
};

using Input = std::variant<Received, PeerGone, Fetched>;

/// The loop picks the plane by the message's type and sends the payload's pieces as one frame.
struct Send {
  PeerId peer;
  std::uint64_t request = 0;
  wire::Message message;
  std::vector<Blob> payload;
  /// It promises nothing, so it may leave while the commit of its step is on its way. See docs/decisions/0018.
  bool early = false;
};

struct Step {
  std::vector<Write> writes;
  std::vector<Send> sends;
  /// Payloads that the store is asked for; each comes as `Fetched`, unless the broker ends before.
  std::vector<RecordKey> fetches;
};

/// Takes the early ones out of `sends`, in their order, but for those to a peer that is told something else first. SETTLED does not count:
/// nobody waits for it.
std::vector<Send> take_early(std::vector<Send>& sends);

}  // namespace sublet::broker
