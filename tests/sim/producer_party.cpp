#include "tests/sim/producer_party.hpp"

#include <algorithm>
#include <utility>

namespace sublet::sim {

ProducerParty::Process::Process(Simulation& simulation, const std::string& name)
    : random(simulation.dice.next()),
      connection({.name = name, .instance = random.next(), .reconnect_first = 100ms, .reconnect_max = 2s}, brokers, random) {}

ProducerParty::ProducerParty(std::string name, Simulation& simulation, Network& network, const Disk& disk, const Checker& checker,
                             Notes& notes)
    : name_(std::move(name)),
      simulation_(simulation),
      network_(network),
      disk_(disk),
      checker_(checker),
      notes_(notes),
      clock_(simulation.clock()),
      alarm_(simulation.time, [this] { turn(); }) {}

void ProducerParty::add(const ScriptJob& job, bool reads) {
  tasks_.push_back(std::make_unique<Task>(Task{.script = &job, .reads = reads, .handled = {}}));
}

void ProducerParty::start() {
  if (running()) return;
  simulation_.tell(name_, "starts");
  paused_until_ = {};
  process_ = std::make_unique<Process>(simulation_, name_);
  const auto now = local();
  for (const auto& task : tasks_) {
    // What it is through with it opens again all the same, unless that may be forgotten by now and would be another job.
    if (task->handled.done && task->script->spec.ttl > 0ms) continue;
    process_->works.push_back({.task = task.get(), .job = {}, .not_before = now + simulation_.dice.between(Nanos(0), Nanos(500ms))});
  }
  process_->connection.start(now);
  soon();
}

void ProducerParty::crash() {
  if (!running()) return;
  simulation_.tell(name_, "dies");
  alarm_.stop();
  close_all();
  process_.reset();
}

void ProducerParty::pause(Nanos duration) {
  if (!running()) return;
  simulation_.tell(name_, "is stopped for {} ms", duration / 1ms);
  paused_until_ = std::max(paused_until_, simulation_.time.now() + duration);
  alarm_.stop();
  alarm_.set(paused_until_);
}

void ProducerParty::resume() {
  if (!paused()) return;
  paused_until_ = simulation_.time.now();
  soon();
}

void ProducerParty::pause_queue(bool paused) {
  if (!running()) return;
  simulation_.tell(name_, "asks to {} the queue", paused ? "pause" : "go on with");
  process_->connection.ask(wire::Plane::control, wire::Pause{.queue = JobSpec{}.queue, .paused = paused}, {}, {});
  soon();
}

void ProducerParty::arrived(LinkId link, Packet packet) {
  if (!running()) return;
  process_->inbox.emplace_back(link, std::move(packet));
  soon();
}

void ProducerParty::soon() {
  if (!paused()) alarm_.set(simulation_.time.now() + simulation_.dice.between(Nanos(5us), Nanos(200us)));
}

void ProducerParty::turn() {
  if (!running()) return;
  if (paused()) return alarm_.set(paused_until_);
  const auto now = local();
  auto& connection = process_->connection;
  while (!process_->inbox.empty()) {
    auto [link, packet] = std::move(process_->inbox.front());
    process_->inbox.pop_front();
    const bool control = process_->control == link;
    if (!control && process_->bulk != link) continue;
    connection.receive(control ? wire::Plane::control : wire::Plane::bulk, packet.request, std::move(packet.message),
                       std::move(packet.payload), now);
  }
  // Until there is nothing more to send: what a caller does may give the connection something to do, and the reverse.
  do {
    for (auto& work : process_->works) act(work, now);
  } while (apply(connection.step(now)));
  connection.take_changes();
  auto next = connection.next_deadline();
  for (const auto& work : process_->works) {
    if (work.not_before > now) next = std::min(next, work.not_before);
  }
  alarm_.set(std::max(clock_.global(next), simulation_.time.now() + 10us));
}

void ProducerParty::close_all() {
  if (process_->control) network_.close(*std::exchange(process_->control, std::nullopt));
  if (process_->bulk) network_.close(*std::exchange(process_->bulk, std::nullopt));
}

bool ProducerParty::apply(producer::Effects effects) {
  if (effects.close) close_all();
  if (effects.connect) process_->control = network_.connect(*this, wire::Plane::control);
  if (effects.connect_bulk) process_->bulk = network_.connect(*this, wire::Plane::bulk);
  for (auto& [plane, request, message, payload] : effects.sends) {
    const auto link = plane == wire::Plane::control ? process_->control : process_->bulk;
    if (link) network_.send(*link, {.request = request, .message = std::move(message), .payload = payload.value_or(Blob())});
  }
  return !effects.sends.empty();
}

void ProducerParty::act(Work& work, Instant now) {
  if (work.job && work.job->lost && work.stage != Stage::done) return lost(work, now);
  read(work);
  if (now < work.not_before) return;
  switch (work.stage) {
    case Stage::to_open:
      return open(work, now);
    case Stage::opening:
      if (const auto answer = process_->connection.take_answer(work.request)) {
        if (const auto* message = answer->has_value() ? std::get_if<wire::Opened>(&**answer) : nullptr) return opened(work, *message, now);
        return not_opened(work, *answer, now);
      }
      return;
    case Stage::submitting:
      return submit(work, now);
    case Stage::flushing:
      return flush(work);
    case Stage::closing:
      return close(work);
    case Stage::waiting:
      return wait(work);
    case Stage::done:
      return;
  }
}

void ProducerParty::submit(Work& work, Instant now) {
  const auto& script = *work.task->script;
  auto& connection = process_->connection;
  for (auto burst = simulation_.dice.between(1, 12); burst > 0; --burst) {
    if (work.job->refused || work.next_chunk == script.chunks.size()) {
      work.stage = Stage::flushing;
      return;
    }
    const auto& chunk = script.chunks[work.next_chunk];
    const auto payload = Chunks::payload({.job = script.number, .id = chunk.id}, chunk.behaviour, chunk.times);
    if (!connection.has_room(*work.job, {.chunks = 1, .bytes = payload.size()})) break;
    connection.submit(work.job, {.value = chunk.id}, payload.view());
    ++work.next_chunk;
  }
  work.not_before = now + simulation_.dice.between(Nanos(100us), Nanos(150ms));
  if (script.cancelled && work.cancel_request == 0 && simulation_.dice.chance(0.2)) {
    work.cancel_request = connection.ask(wire::Plane::control, wire::Cancel{.job = work.job->id}, {}, work.job->id);
  }
}

void ProducerParty::flush(Work& work) {
  const auto& queue = work.job->queue;
  if (!work.job->refused && queue.accepted_through() < queue.submitted()) return;
  work.request = process_->connection.ask(wire::Plane::bulk, wire::Close{.job = work.job->id}, {}, work.job->id);
  work.stage = Stage::closing;
}

void ProducerParty::close(Work& work) {
  if (process_->connection.take_answer(work.request)) work.stage = Stage::waiting;
}

void ProducerParty::wait(Work& work) {
  if (!work.job->ended()) return;
  if (work.task->reads && (!work.job->all_received() || !work.job->reader->entries.empty())) return;
  check_end(work);
  work.task->handled.dead = work.job->status->dead;
  simulation_.tell(name_, "is through with job {}", to_hex(work.job->id).substr(0, 4));
  work.task->handled.done = true;
  work.stage = Stage::done;
}

void ProducerParty::check_end(const Work& work) const {
  const auto& status = *work.job->status;
  if (status.accepted != status.done + status.dead + status.dropped) {
    throw Violation(fmt::format("a job ends with its last chunk: {} accepted, {} done, {} dead, {} dropped", status.accepted, status.done,
                                status.dead, status.dropped));
  }
  const auto* progress = disk_.find<broker::ProgressRecord>({.kind = broker::RecordKind::progress, .owner = work.job->id.value});
  if (disk_.ever_lost() || progress == nullptr) return;
  const auto aggregate = work.task->script->spec.aggregate;
  const bool folds = aggregate >= AggregateKind::sum;
  if (status.done != progress->done || status.dead != progress->dead ||
      (folds && status.integer_value != static_cast<std::uint64_t>(progress->value.integer))) {
    throw Violation("what a producer is told of an ended job is what is stored: it is not");
  }
}

void ProducerParty::read(Work& work) {
  if (!work.job || !work.job->reader || work.job->reader->entries.empty()) return;
  auto entries = std::exchange(work.job->reader->entries, {});
  for (const auto& entry : entries) handle(work, entry);
  const auto last = entries.back().message.cursor;
  process_->connection.take(work.job, last, {.chunks = entries.size(), .bytes = 8}, simulation_.dice.chance(0.5));
}

void ProducerParty::handle(Work& work, const producer::OutputEntry& entry) {
  auto& handled = work.task->handled;
  const auto& message = entry.message;
  if (message.cursor <= handled.cursor) {
    // Seen before this process was killed: it must be the same.
    const auto before = handled.entries.find(message.cursor.value);
    if (!disk_.ever_lost() && (before == handled.entries.end() || !(before->second == message))) {
      throw Violation(fmt::format("an entry of the output log never changes: {} did", message.cursor.value));
    }
    return;
  }
  if (message.cursor.value != handled.cursor.value + 1 && !disk_.ever_lost()) {
    throw Violation(fmt::format("no output is missing: entry {} came after {}", message.cursor.value, handled.cursor.value));
  }
  handled.cursor = message.cursor;
  handled.entries[message.cursor.value] = message;
  for (const auto& range : message.chunks) handled.chunks += range.count;
}

void ProducerParty::lost(Work& work, Instant now) {
  if (checker_.forgotten(disk_, work.job->id)) {
    simulation_.tell(name_, "came too late for job {}", to_hex(work.job->id).substr(0, 4));
    work.task->handled.done = true;
    work.stage = Stage::done;
    return;
  }
  const bool told = work.job->lost->code == ErrorCode::jobs_lost && work.store != disk_.id();
  if (!told && !disk_.ever_lost()) {
    throw Violation(
        fmt::format("no acknowledged chunk is lost: {} was told \"{}\" and the store is the same", name_, to_text(*work.job->lost)));
  }
  simulation_.tell(name_, "opens its job again: {}", to_text(*work.job->lost));
  work.job.reset();
  work.cancel_request = 0;
  work.stage = Stage::to_open;
  work.not_before = now + 50ms;
}

bool ProducerParty::done() const {
  return std::ranges::all_of(tasks_, [](const auto& task) { return task->handled.done; });
}

std::string ProducerParty::waits_for() const {
  if (!running()) return name_ + " does not run";
  std::string text;
  for (const auto& work : process_->works) {
    if (work.stage == Stage::done) continue;
    text += fmt::format("{} waits at stage {} of job {}", name_, static_cast<int>(work.stage), work.task->script->number);
    if (work.job && work.job->status) text += fmt::format(" ({})", text_of(wire::Event{.job = *work.job->status}));
    text += "; ";
  }
  return text;
}

}  // namespace sublet::sim
