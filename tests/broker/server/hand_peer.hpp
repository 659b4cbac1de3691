#pragma once

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/bytes.hpp"
#include "common/io/socket.hpp"
#include "common/wire/codec.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker::test {

constexpr Millis kPatience = 30s;

template <class M>
struct Answer {
  std::uint64_t request = 0;
  M message;
  Blob payload;
};

/// One plane of a peer that is played by the test, message by message.
class HandConnection {
 public:
  HandConnection(io::Context& context, const std::string& endpoint) : socket_(io::Socket::dealer(context, endpoint).value()) {}

  void send(const wire::Message& message, std::uint64_t request = 0, std::string_view payload = {}) {
    head_.clear();
    wire::encode(request, message, head_);
    const Blob blob = Blob::copy_of(as_view(payload));
    ASSERT_EQ(socket_.send(head_, {&blob, 1}, wire::carries_payload(wire::type_of(message))), io::SendOutcome::sent);
  }

  void send_frames(std::string_view head, std::optional<std::string_view> payload = std::nullopt) {
    const Blob blob = Blob::copy_of(as_view(payload.value_or("")));
    ASSERT_EQ(socket_.send(as_view(head), {&blob, 1}, payload.has_value()), io::SendOutcome::sent);
  }

  /// The next message of type M. Others are passed over; but an ERROR is a failure unless it is asked for.
  template <class M>
  Answer<M> expect() {
    for (;;) {
      auto received = next();
      if (!received) {
        ADD_FAILURE() << "no " << wire::name_of(M::kType) << " came";
        return {};
      }
      auto decoded = wire::decode(received->head.view(), received->payload ? std::optional(received->payload->size()) : std::nullopt);
      if (!decoded) {
        ADD_FAILURE() << to_text(decoded.error().error);
        return {};
      }
      if (auto* message = std::get_if<M>(&decoded->message)) {
        return {decoded->header.request, std::move(*message), received->payload.value_or(Blob())};
      }
      if (auto* error = std::get_if<wire::ErrorReply>(&decoded->message)) {
        ADD_FAILURE() << "instead of " << wire::name_of(M::kType) << ": " << error_info(error->code).name << ": " << error->detail;
        return {};
      }
    }
  }

  /// The next message, whatever it is; PING when none comes.
  wire::Message expect_any() {
    const auto received = next();
    auto decoded = received ? wire::decode(received->head.view(), std::nullopt) : std::unexpected(wire::DecodeFailure());
    EXPECT_TRUE(decoded) << "nothing came";
    return decoded ? std::move(decoded->message) : wire::Message(wire::Ping{});
  }

  /// The next ERROR.
  Answer<wire::ErrorReply> expect_error() {
    const auto received = next();
    const auto decoded = received ? wire::decode(received->head.view(), std::nullopt) : std::unexpected(wire::DecodeFailure());
    const auto* error = decoded ? std::get_if<wire::ErrorReply>(&decoded->message) : nullptr;
    if (error == nullptr) {
      ADD_FAILURE() << "no ERROR came";
      return {};
    }
    return {decoded->header.request, *error, {}};
  }

  /// The round trip that shows what was sent before it has been handled.
  void round_trip() {
    send(wire::Ping{}, ++ping_);
    while (expect<wire::Pong>().request != ping_) {
      if (testing::Test::HasFailure()) return;
    }
  }

  io::Socket& socket() { return socket_; }

 private:
  std::optional<io::Received> next() {
    for (;;) {
      if (auto received = socket_.receive()) {
        return received;
      }
      io::Poller poller;
      poller.add(socket_);
      if (poller.wait(kPatience) == 0) {
        return std::nullopt;
      }
    }
  }

  io::Socket socket_;
  std::vector<std::byte> head_;
  std::uint64_t ping_ = 1'000'000;
};

/// The HELLO that ties a bulk connection to the peer whose WELCOME brought `token`.
inline wire::Hello bulk_hello(std::uint64_t instance, Token token, ShardNumber shard = 0) {
  wire::Hello hello;
  hello.plane = wire::Plane::bulk;
  hello.shard = shard;
  hello.instance = instance;
  hello.token = token;
  return hello;
}

/// A peer that has said HELLO on both planes.
struct HandPeer {
  HandPeer(io::Context& context, const std::string& control_endpoint, wire::Role role, std::uint64_t instance,
           std::vector<wire::HeldLease> leases = {}, ShardNumber shard = 0)
      : control(context, control_endpoint),
        welcome(say_hello(role, instance, std::move(leases), shard)),
        bulk(context, welcome.bulk.empty() ? control_endpoint : welcome.bulk) {
    bulk.send(bulk_hello(instance, welcome.token, shard), 2);
    EXPECT_EQ(bulk.expect<wire::Welcome>().request, 2U);
  }

  HandConnection control;
  wire::Welcome welcome;
  HandConnection bulk;

 private:
  wire::Welcome say_hello(wire::Role role, std::uint64_t instance, std::vector<wire::HeldLease> leases, ShardNumber shard) {
    wire::Hello hello;
    hello.role = role;
    hello.shard = shard;
    hello.instance = instance;
    hello.name = "hand";
    hello.leases = std::move(leases);
    control.send(hello, 1);
    auto answer = control.expect<wire::Welcome>();
    EXPECT_EQ(answer.request, 1U);
    return answer.message;
  }
};

}  // namespace sublet::broker::test
