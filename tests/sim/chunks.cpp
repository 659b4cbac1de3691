#include "tests/sim/chunks.hpp"

#include <cstring>
#include <vector>

namespace sublet::sim {
namespace {

struct Head {
  std::uint64_t id = 0;
  std::uint32_t job = 0;
  Behaviour behaviour = Behaviour::good;
  std::uint8_t times = 0;
};

}  // namespace

Blob Chunks::payload(ChunkName name, Behaviour behaviour, std::uint8_t times) {
  const Head head{.id = name.id, .job = name.job, .behaviour = behaviour, .times = times};
  std::vector<std::byte> bytes(sizeof(Head) + name.id % 7);
  std::memcpy(bytes.data(), &head, sizeof(Head));
  return Blob::copy_of(bytes);
}

Ran Chunks::run(ByteView payload) {
  Head head;
  if (payload.size() < sizeof(Head)) return {.code = ErrorCode::bad_size};
  std::memcpy(&head, payload.data(), sizeof(Head));
  const ChunkName name{.job = head.job, .id = head.id};
  const Ran good{.output = output_of(name)};
  const bool yet = runs_[name]++ < head.times;
  switch (head.behaviour) {
    case Behaviour::good:
      return good;
    case Behaviour::transient:
      return yet ? Ran{.code = ErrorCode::transient} : good;
    case Behaviour::always_transient:
      return {.code = ErrorCode::transient};
    case Behaviour::broken:
      return {.code = ErrorCode::launch_failed};
    case Behaviour::faulty:
      return yet ? Ran{.code = ErrorCode::sync_failed, .breaks_device = true} : good;
    case Behaviour::always_faulty:
      return {.code = ErrorCode::sync_failed, .breaks_device = true};
    case Behaviour::deadly:
      return {.ends_session = true};
    case Behaviour::endless:
      return {.hangs = true};
  }
  return good;
}

}  // namespace sublet::sim
