#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/time.hpp"
#include "common/wire/messages.hpp"

namespace sublet::producer {

/// A message on its way out.
struct Outgoing {
  wire::Plane plane = wire::Plane::control;
  std::uint64_t request = 0;
  wire::Message message;
  std::optional<Blob> payload;
};

/// Questions that have one answer each. All of them are safe to repeat, so they are: after a reconnect, and when the broker asks to wait.
class Requests {
 public:
  /// @param job  fails with this job, when it is about one
  void ask(Outgoing question, std::optional<JobId> job);
  [[nodiscard]] bool knows(std::uint64_t request) const { return questions_.contains(request); }

  void answer(std::uint64_t request, Result<wire::Message> answer);
  /// The broker had no room: the question goes again at `at`.
  void repeat_later(std::uint64_t request, const Error& error, Instant at);
  /// The connection is new.
  void repeat_all();
  void fail_job(JobId job, const Error& error);
  void fail_all(const Error& error);

  /// What is to be sent now.
  void pump(Instant now, std::vector<Outgoing>& sends);
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  /// The answer, once; nothing while there is none.
  std::optional<Result<wire::Message>> take_answer(std::uint64_t request);
  /// Nobody waits for it any more. Returns the error it is being repeated for.
  std::optional<Error> forget(std::uint64_t request);

 private:
  struct Question {
    Outgoing message;
    std::optional<JobId> job;
    bool sent = false;
    std::optional<Instant> not_before;
    std::optional<Error> last_error;
    std::optional<Result<wire::Message>> answer;
  };
  // Ordered by request id, so that repeats go out in the order of asking.
  std::map<std::uint64_t, Question> questions_;
  bool unsent_ = false;
};

}  // namespace sublet::producer
