#include "fake_broker.hpp"

#include <algorithm>

#include "common/wire/codec.hpp"

namespace sublet::producer {

wire::Welcome FakeBroker::default_welcome() {
  wire::Welcome welcome;
  welcome.store = 1;
  welcome.token = {.high = 3, .low = 4};
  welcome.heartbeat_ms = 1'000;
  welcome.credit_chunks = 1U << 20U;
  welcome.credit_bytes = 64U << 20U;
  welcome.max_chunk_bytes = 1U << 20U;
  welcome.max_batch_bytes = 1U << 20U;
  welcome.max_batch_chunks = 65'536;
  return welcome;
}

FakeBroker::FakeBroker(Script script, wire::Welcome welcome, const std::string& endpoint)
    : script_(std::move(script)), welcome_(std::move(welcome)) {
  control_ = io::Socket::router(context_, endpoint).value();
  bulk_ = io::Socket::router(context_, "tcp://127.0.0.1:*").value();
  wakeup_ = io::Wakeup::open().value();
  endpoint_ = control_->endpoint();
  welcome_.bulk = bulk_->endpoint();
  thread_ = std::jthread([this](const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { wakeup_->notify(); });
    while (!stop.stop_requested()) run();
  });
}

FakeBroker::~FakeBroker() = default;

void FakeBroker::run() {
  io::Poller poller;
  poller.add(*control_);
  poller.add(*bulk_);
  poller.add(wakeup_->fd());
  poller.wait(std::nullopt);
  serve(wire::Plane::control);
  serve(wire::Plane::bulk);
}

void FakeBroker::serve(wire::Plane plane) {
  auto& socket = plane == wire::Plane::control ? *control_ : *bulk_;
  while (auto received = socket.receive()) {
    std::optional<std::size_t> payload_bytes;
    if (received->payload) payload_bytes = received->payload->size();
    auto decoded = wire::decode(received->head.view(), payload_bytes);
    if (!decoded) continue;
    const Request request{.plane = plane,
                          .request = decoded->header.request,
                          .message = std::move(decoded->message),
                          .payload = std::move(received->payload).value_or(Blob{})};
    answer(received->from, request);
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    came_.notify_all();
  }
}

std::vector<FakeBroker::Request> FakeBroker::received(std::uint8_t type, std::size_t count) {
  std::unique_lock lock(mutex_);
  std::vector<Request> found;
  came_.wait(lock, [&] {
    found.clear();
    std::ranges::copy_if(requests_, std::back_inserter(found),
                         [&](const Request& request) { return wire::type_of(request.message) == type; });
    return found.size() >= count;
  });
  return found;
}

void FakeBroker::answer(const io::RoutingId& peer, const Request& request) {
  std::optional<std::vector<Reply>> scripted;
  if (script_) scripted = script_(request);
  if (const auto* read = std::get_if<wire::Read>(&request.message)) {
    readers_[read->job] = {peer, request.request};
    logs_[read->job].sent = read->after.value;
  }
  if (const auto* watch = std::get_if<wire::Watch>(&request.message); watch != nullptr && watch->follow) {
    watchers_[watch->job] = {peer, request.request};
  }
  for (const Reply& reply : scripted ? *scripted : usual(request)) send(request.plane, peer, request.request, reply);
  for (auto& [job, reader] : readers_) {
    Log& log = logs_[job];
    for (; log.sent < log.outputs.size(); ++log.sent) send(wire::Plane::bulk, reader.first, reader.second, log.outputs[log.sent]);
  }
  if (!std::holds_alternative<wire::Close>(request.message)) return;
  for (auto& [job, watcher] : watchers_) send(wire::Plane::control, watcher.first, watcher.second, {.message = event(job), .payload = {}});
}

std::vector<FakeBroker::Reply> FakeBroker::usual(const Request& request) {
  const auto one = [](wire::Message message) { return std::vector<Reply>{{.message = std::move(message), .payload = {}}}; };
  if (std::holds_alternative<wire::Hello>(request.message)) return one(welcome_);
  if (std::holds_alternative<wire::Ping>(request.message)) return one(wire::Pong{});
  if (std::holds_alternative<wire::Open>(request.message))
    return one(wire::Opened{.job = {0x700}, .resumed = false, .accepted = 0, .taken = {}});
  if (const auto* watch = std::get_if<wire::Watch>(&request.message)) return one(event(watch->job));
  if (const auto* cancel = std::get_if<wire::Cancel>(&request.message)) return one(event(cancel->job));
  if (const auto* close = std::get_if<wire::Close>(&request.message)) {
    logs_[close->job].closed = true;
    return one(event(close->job));
  }
  if (std::holds_alternative<wire::List>(request.message)) return one(wire::Listed{});
  const auto* submit = std::get_if<wire::Submit>(&request.message);
  if (submit == nullptr) return {};
  Log& log = logs_[submit->job];
  wire::Output output{.job = submit->job,
                      .cursor = {log.outputs.size() + 1},
                      .chunks = submit->chunks,
                      .codes = {},
                      .details = {},
                      .lengths = submit->lengths,
                      .micros = {}};
  log.outputs.push_back({.message = std::move(output), .payload = request.payload});
  log.accepted += submit->lengths.values.size();
  return one(wire::Accepted{.job = submit->job, .fresh = submit->lengths.values.size()});
}

wire::Event FakeBroker::event(JobId job) const {
  wire::Event event;
  event.job.id = job;
  event.job.queue = "default";
  const auto log = logs_.find(job);
  if (log == logs_.end()) return event;
  event.job.accepted = log->second.accepted;
  event.job.last_output = {log->second.outputs.size()};
  if (log->second.closed) event.job.state = JobState::done;
  return event;
}

void FakeBroker::send(wire::Plane plane, const io::RoutingId& peer, std::uint64_t request, const Reply& reply) {
  std::vector<std::byte> head;
  wire::encode(request, reply.message, head);
  auto& socket = plane == wire::Plane::control ? *control_ : *bulk_;
  socket.send(peer, head, std::span(&reply.payload, 1), wire::carries_payload(wire::type_of(reply.message)));
}

}  // namespace sublet::producer
