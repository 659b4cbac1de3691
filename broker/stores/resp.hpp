#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/bytes.hpp"

namespace sublet::broker {

/// Commands as Redis reads them, as pieces to be sent one after another: large values lie where they were, everything else is packed
/// together. May be sent more than once.
struct RespCommands {
  std::vector<Blob> pieces;
  /// How many replies they will get.
  std::size_t replies = 0;
};

/// Writes commands in Redis's protocol. Every argument goes with its length, so any bytes may stand in it.
class RespWriter {
 public:
  /// @param arguments  with the command's name
  RespWriter& begin(std::size_t arguments) {
    packed_ += '*';
    packed_ += std::to_string(arguments);
    packed_ += "\r\n";
    ++commands_.replies;
    return *this;
  }

  RespWriter& add(std::string_view text) {
    add_length(text.size());
    packed_ += text;
    packed_ += "\r\n";
    return *this;
  }

  /// One argument: `tag`, then the bytes of `blob`.
  RespWriter& add(std::string_view tag, const Blob& blob) {
    add_length(tag.size() + blob.size());
    packed_ += tag;
    if (blob.size() <= kPackedBytes) {
      packed_ += as_text(blob.view());
    } else {
      flush();
      commands_.pieces.push_back(blob);
    }
    packed_ += "\r\n";
    return *this;
  }

  template <class... Arguments>
  RespWriter& command(const Arguments&... arguments) {
    begin(sizeof...(arguments));
    (add(std::string_view(arguments)), ...);
    return *this;
  }

  RespCommands take() {
    flush();
    return std::exchange(commands_, {});
  }

 private:
  /// Copying fewer bytes than these costs less than a piece of its own.
  static constexpr std::size_t kPackedBytes = 8192;

  void add_length(std::size_t size) {
    packed_ += '$';
    packed_ += std::to_string(size);
    packed_ += "\r\n";
  }

  void flush() {
    if (packed_.empty()) return;
    auto memory = std::make_shared<const std::string>(std::exchange(packed_, {}));
    const auto view = as_view(*memory);
    commands_.pieces.emplace_back(std::move(memory), view);
  }

  std::string packed_;
  RespCommands commands_;
};

}  // namespace sublet::broker
