#pragma once

#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "broker/claims.hpp"
#include "common/error.hpp"
#include "common/io/wakeup.hpp"

namespace sublet::broker {

/// One attempt at opening the stores, on a thread of its own: a host that does not answer, or a name that nobody resolves, blocks for
/// seconds. Nobody waits for an attempt that is given up; what it still opens is closed where it was opened.
class Attempt {
 public:
  using Outcome = Result<std::unique_ptr<Claims>>;

  /// @param open  has all that it needs: it may outlive whoever began it
  static Result<Attempt> begin(std::function<Outcome()> open);

  /// Readable when `take` does not block.
  [[nodiscard]] int fd() const { return done_->fd(); }
  /// Once.
  Outcome take() { return outcome_.get(); }

 private:
  Attempt(std::future<Outcome> outcome, std::shared_ptr<io::Wakeup> done) : outcome_(std::move(outcome)), done_(std::move(done)) {}

  std::future<Outcome> outcome_;
  std::shared_ptr<io::Wakeup> done_;
};

}  // namespace sublet::broker
