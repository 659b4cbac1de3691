#include "producer/core/requests.hpp"

#include <algorithm>
#include <utility>

namespace sublet::producer {

void Requests::ask(Outgoing question, std::optional<JobId> job) {
  const std::uint64_t request = question.request;
  questions_.insert_or_assign(request,
                              Question{.message = std::move(question), .job = job, .not_before = {}, .last_error = {}, .answer = {}});
  unsent_ = true;
}

void Requests::answer(std::uint64_t request, Result<wire::Message> answer) {
  const auto question = questions_.find(request);
  if (question == questions_.end() || question->second.answer) return;
  question->second.answer = std::move(answer);
}

void Requests::repeat_later(std::uint64_t request, const Error& error, Instant at) {
  const auto question = questions_.find(request);
  if (question == questions_.end()) return;
  question->second.sent = false;
  question->second.not_before = at;
  question->second.last_error = error;
  unsent_ = true;
}

void Requests::repeat_all() {
  for (auto& [request, question] : questions_) {
    question.sent = false;
    question.not_before.reset();
  }
  unsent_ = !questions_.empty();
}

void Requests::fail_job(JobId job, const Error& error) {
  for (auto& [request, question] : questions_) {
    if (question.job == job && !question.answer) question.answer = std::unexpected(error);
  }
}

void Requests::fail_all(const Error& error) {
  for (auto& [request, question] : questions_) {
    if (!question.answer) question.answer = std::unexpected(error);
  }
}

void Requests::pump(Instant now, std::vector<Outgoing>& sends) {
  if (!unsent_) return;
  unsent_ = false;
  for (auto& [request, question] : questions_) {
    if (question.sent || question.answer) continue;
    if (question.not_before && *question.not_before > now) {
      unsent_ = true;
      continue;
    }
    question.sent = true;
    sends.push_back(question.message);
  }
}

std::optional<Instant> Requests::next_deadline() const {
  if (!unsent_) return std::nullopt;
  std::optional<Instant> first;
  for (const auto& [request, question] : questions_) {
    if (question.sent || question.answer || !question.not_before) continue;
    if (!first || *question.not_before < *first) first = question.not_before;
  }
  return first;
}

std::optional<Result<wire::Message>> Requests::take_answer(std::uint64_t request) {
  const auto question = questions_.find(request);
  if (question == questions_.end() || !question->second.answer) return std::nullopt;
  auto answer = std::move(question->second.answer);
  questions_.erase(question);
  return answer;
}

std::optional<Error> Requests::forget(std::uint64_t request) {
  auto question = questions_.extract(request);
  if (!question) return std::nullopt;
  return std::move(question.mapped().last_error);
}

}  // namespace sublet::producer
