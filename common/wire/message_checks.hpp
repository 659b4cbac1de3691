#pragma once

// What the fields of one message must be to each other. Each field alone is checked while it is read.

#include <cstddef>
#include <optional>

#include "common/error.hpp"
#include "common/wire/messages.hpp"

namespace sublet::wire {

/// @param payload_bytes  size of the payload frame, 0 for a message without one
std::optional<Error> check_message(const Submit& message, std::size_t payload_bytes);
std::optional<Error> check_message(const Run& message, std::size_t payload_bytes);
std::optional<Error> check_message(const Settle& message, std::size_t payload_bytes);
std::optional<Error> check_message(const Output& message, std::size_t payload_bytes);
std::optional<Error> check_message(const Open& message, std::size_t payload_bytes);
std::optional<Error> check_message(const List& message, std::size_t payload_bytes);
std::optional<Error> check_message(const DeadQuery& message, std::size_t payload_bytes);
std::optional<Error> check_message(const Replay& message, std::size_t payload_bytes);

/// No other message has anything to check.
template <class Other>
std::optional<Error> check_message(const Other& /*message*/, std::size_t /*payload_bytes*/) {
  return std::nullopt;
}

}  // namespace sublet::wire
