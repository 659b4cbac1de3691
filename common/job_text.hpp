#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "common/job.hpp"

namespace sublet {

/// As people and their programs read it.
constexpr std::string_view to_text(JobState state) {
  constexpr std::array<std::string_view, 5> kNames{"open", "closed", "done", "failed", "cancelled"};
  return kNames[static_cast<std::size_t>(state)];
}

constexpr std::string_view to_text(JobHold hold) {
  constexpr std::array<std::string_view, 3> kNames{"none", "delayed", "blocked"};
  return kNames[static_cast<std::size_t>(hold)];
}

constexpr std::string_view to_text(Isolation isolation) {
  constexpr std::array<std::string_view, 3> kNames{"tenant", "process", "mps"};
  return kNames[static_cast<std::size_t>(isolation)];
}

constexpr std::string_view to_text(Durability durability) {
  constexpr std::array<std::string_view, 4> kNames{"none", "fast", "fsync", "replicated"};
  return kNames[static_cast<std::size_t>(durability)];
}

}  // namespace sublet
