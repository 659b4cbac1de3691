#include "tests/broker/core/script.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "common/job_text.hpp"
#include "common/wire/bundle.hpp"

namespace sublet::broker::testing {
namespace {

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) throw std::invalid_argument(fmt::format("\"{}\" is no number", text));
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit == "K") return value << 10U;
  if (unit == "M") return value << 20U;
  return value;
}

Millis duration(std::string_view text) {
  const auto value = static_cast<Millis::rep>(number(text.substr(0, text.find_first_not_of("0123456789"))));
  if (text.ends_with("ms")) return Millis(value);
  if (text.ends_with("min")) return value * Millis(1min);
  return value * Millis(1s);
}

std::string value_of(const std::vector<std::string>& words, std::string_view key, std::string fallback = "") {
  for (const auto& word : words) {
    if (word.starts_with(key) && word.size() > key.size() && word[key.size()] == '=') return word.substr(key.size() + 1);
  }
  return fallback;
}

bool has(const std::vector<std::string>& words, std::string_view key) { return std::ranges::find(words, key) != words.end(); }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

std::vector<ChunkRange> ranges_of(const std::string& text) {
  std::vector<ChunkRange> ranges;
  for (const auto& part : split(text, ',')) {
    const auto dots = part.find("..");
    const auto first = number(part.substr(0, dots));
    const auto last = dots == std::string::npos ? first : number(part.substr(dots + 2));
    ranges.push_back({.first = first, .count = last - first + 1});
  }
  return ranges;
}

// By name: its size is the wire's affair.
std::string bundle_text(const Blob& bytes) {
  const auto bundle = wire::decode_bundle(bytes.view());
  return fmt::format("bundle {}", bundle ? bundle->pipeline.name : bundle.error().detail);
}

std::string text_of(const std::vector<ChunkRange>& ranges) {
  std::string text;
  for (const auto& range : ranges) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", range.first);
    if (range.count > 1) text += fmt::format("..{}", range.first + range.count - 1);
  }
  return text;
}

/// "host=7"; zero without.
Token host_of(const std::vector<std::string>& words) {
  const auto word = std::ranges::find_if(words, [](const std::string& each) { return each.starts_with("host="); });
  return {.high = 0, .low = word == words.end() ? 0 : std::stoull(word->substr(5))};
}

Isolation isolation_of(const std::vector<std::string>& words) {
  const auto asks = [&](std::string_view word) { return std::ranges::find(words, word) != words.end(); };
  return asks("isolation=process") ? Isolation::process : asks("isolation=mps") ? Isolation::mps : Isolation::tenant;
}

ErrorCode code_named(std::string_view name) {
  for (const auto& row : error_table()) {
    if (row.name == name) return row.code;
  }
  throw std::invalid_argument(fmt::format("no error code \"{}\"", name));
}

std::string_view name_of(ErrorCode code) { return error_info(code).name; }

constexpr std::string_view kJobStates[] = {"open", "closed", "done", "failed", "cancelled"};
constexpr std::string_view kChunkStates[] = {"ready", "waiting", "leased", "done", "dead", "dropped"};

std::string counts(std::initializer_list<std::pair<std::string_view, std::uint64_t>> values) {
  std::string text;
  for (const auto& [name, value] : values) {
    if (value > 0) text += fmt::format(" {}={}", name, value);
  }
  return text;
}

template <class Range>
std::size_t index_of(const Range& range, auto predicate) {
  std::size_t index = 0;
  for (const auto& item : range) {
    if (predicate(item)) return index;
    ++index;
  }
  return index;
}

}  // namespace

std::string Script::replay(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(' ');
    if (begin != std::string::npos && line.substr(begin).starts_with("->")) continue;
    result += line + "\n";
    if (begin == std::string::npos || line[begin] == '#') continue;
    std::istringstream in(line);
    Words words;
    for (std::string word; in >> word;) words.push_back(word);
    decisions_.clear();
    perform(words);
    result += decisions_;
  }
  return result;
}

void Script::perform(const Words& words) {
  if (words[0] == "option") return set_option(words);
  if (!world_) world_.emplace(options_);
  const auto time = Instant(1s) + duration(words[0].substr(2));
  if (words[1] == "restart") {
    world_->now = time;
    world_->restart();
    return note(world_->step());
  }
  // Everything that falls due on the way is decided at its own time, as the loop does it.
  const auto between = world_->pass(std::chrono::duration_cast<Millis>(time - Millis(1) - world_->now) > 0ms
                                        ? std::chrono::duration_cast<Millis>(time - Millis(1) - world_->now)
                                        : 0ms);
  for (const auto& send : between) decisions_ += fmt::format("      -> before: {}\n", text_of(send));
  world_->now = time;
  if (words[1] == "tick") return note(world_->step());
  std::vector<Input> inputs;
  inputs.push_back(input_of(words[1], words[2], words));
  note(world_->step(std::move(inputs)));
}

void Script::set_option(const Words& words) {
  const auto text = [&](std::string_view key) { return value_of(words, key); };
  if (const auto value = text("output_budget"); !value.empty()) options_.output_budget_bytes = {.count = number(value)};
  if (const auto value = text("input_budget"); !value.empty()) options_.input_budget_bytes = {.count = number(value)};
  if (const auto value = text("grant_bytes"); !value.empty()) options_.max_grant_bytes = number(value);
  if (const auto value = text("ended_jobs"); !value.empty()) options_.ended_jobs_count = number(value);
  if (const auto value = text("ended_bytes"); !value.empty()) options_.ended_jobs_bytes = {.count = number(value)};
  if (const auto value = text("dead_budget"); !value.empty()) options_.dead_budget_bytes = {.count = number(value)};
  if (const auto value = text("event_budget"); !value.empty()) options_.event_budget_bytes = {.count = number(value)};
  if (const auto value = text("clock"); !value.empty()) options_.clock = number(value);
}

PeerId Script::peer(const std::string& actor) {
  const auto found = peers_.find(actor);
  if (found == peers_.end()) return peers_[actor] = {.value = ++last_peer_};
  return found->second;
}

LeaseId Script::lease(const std::string& name) const { return leases_.at(number(name.substr(1)) - 1).lease; }

JobId Script::job_named(const std::string& name) const {
  for (const auto& [id, known] : jobs_) {
    if (known == name) return id;
  }
  return JobId{.value = 404};
}

Input Script::input_of(const std::string& actor, const std::string& verb, const Words& words) {
  if (verb == "gone") return PeerGone{.peer = peer(actor)};
  if (verb == "hello") peers_[actor] = {.value = ++last_peer_};
  Received received{.peer = peer(actor), .request = 1};
  const auto job = [&] { return job_named(words.at(3)); };
  auto& message = received.message;
  if (verb == "hello") {
    wire::Hello greeting{
        .role = actor[0] == 'w' ? wire::Role::worker : wire::Role::producer, .instance = number(actor.substr(1)), .name = actor};
    greeting.leases = held(words);
    greeting.host = host_of(words);
    message = greeting;
  } else if (verb == "bye") {
    message = wire::Bye{};
  } else if (verb == "offer") {
    const auto bytes = number(value_of(words, "free", "64M"));
    message = wire::Offer{.seen = number(value_of(words, "seen", "0")),
                          .cards = {{.kind = value_of(words, "kind", "cpu"),
                                     .total_bytes = number(value_of(words, "total", "64M")),
                                     .free_bytes = bytes,
                                     .free_sessions = static_cast<std::uint32_t>(number(value_of(words, "sessions", "1")))}},
                          .mps = std::ranges::find(words, "mps") != words.end()};
  } else if (verb == "open") {
    message = open(words, received.payload);
  } else if (verb == "submit") {
    message = submit(words, received.payload);
    std::get<wire::Submit>(message).job = job();
  } else if (verb == "window") {
    message = wire::Window{.lease = lease(words.at(3)),
                           .chunks = number(value_of(words, "chunks", "64")),
                           .bytes = number(value_of(words, "bytes", "1M")),
                           .isolation = isolation_of(words)};
  } else if (verb == "settle") {
    message = settle(words, received.payload);
  } else if (verb == "renew") {
    message = wire::Renew{.leases = held(words)};
  } else if (verb == "release") {
    message = wire::Release{.lease = lease(words.at(3)), .code = code_named(value_of(words, "code", "ok"))};
  } else if (verb == "close") {
    message = wire::Close{.job = job()};
  } else if (verb == "cancel") {
    message = wire::Cancel{.job = job()};
  } else if (verb == "watch") {
    message = wire::Watch{.job = job(),
                          .follow = has(words, "follow"),
                          .interval_ms = static_cast<std::uint32_t>(duration(value_of(words, "every", "200ms")).count())};
  } else if (verb == "read") {
    message = wire::Read{.job = job(),
                         .after = {.value = number(value_of(words, "after", "0"))},
                         .chunks = number(value_of(words, "chunks", "100")),
                         .bytes = number(value_of(words, "bytes", "1M"))};
  } else if (verb == "taken") {
    message = wire::Taken{.job = job(), .cursor = {.value = number(words.at(4))}};
  } else if (verb == "pause" || verb == "resume") {
    message = wire::Pause{.queue = words.at(3), .paused = verb == "pause"};
  } else if (verb == "list") {
    message = wire::List{.what = words.at(3) == "jobs"     ? wire::Listing::jobs
                                 : words.at(3) == "queues" ? wire::Listing::queues
                                                           : wire::Listing::workers};
  } else if (verb == "dead" || verb == "replay" || verb == "rm" || verb == "teardown" || verb == "peek") {
    message = dead_message(verb, words, job(), received.payload);
  } else if (verb == "get") {
    message = wire::Get{.hash = test_bundle(words.at(3)).hash};
  } else {
    throw std::invalid_argument(fmt::format("no verb \"{}\"", verb));
  }
  return received;
}

wire::Message Script::open(const Words& words, Blob& payload) {
  opening_ = words.at(3);
  const auto bundle = test_bundle(value_of(words, "pipeline", "echo"));
  payload = bundle.bytes;
  JobSpec spec{.queue = value_of(words, "queue", "default"), .idempotency_key = value_of(words, "key"), .pipeline = bundle.hash};
  spec.max_chunk_bytes = number(value_of(words, "max", "1K"));
  spec.priority = static_cast<std::uint8_t>(number(value_of(words, "priority", "4")));
  const auto policy = value_of(words, "policy", "all");
  if (policy == "best_effort") spec.policy = PolicyKind::best_effort;
  if (policy.starts_with("quorum:")) {
    spec.policy = PolicyKind::quorum;
    spec.quorum = number(policy.substr(7));
  }
  const auto aggregate = value_of(words, "aggregate", "collect");
  if (aggregate == "count") spec.aggregate = AggregateKind::count;
  if (aggregate == "sum") spec.aggregate = AggregateKind::sum;
  if (aggregate == "max") spec.aggregate = AggregateKind::max;
  if (value_of(words, "element") == "i64") spec.element = ElementType::i64;
  spec.retry.max_retries = static_cast<std::uint32_t>(number(value_of(words, "retries", "3")));
  spec.open_timeout = duration(value_of(words, "open_timeout", "10min"));
  spec.isolation = isolation_of(words);
  spec.host = host_of(words);
  spec.delay = duration(value_of(words, "delay", "0s"));
  for (const auto& name : split(value_of(words, "after"), ',')) spec.after.push_back(job_named(name));
  spec.after_any = has(words, "any");
  spec.deadline = duration(value_of(words, "deadline", "0s"));
  spec.ttl = duration(value_of(words, "ttl", "0s"));
  return wire::Open{.spec = spec};
}

wire::Message Script::submit(const Words& words, Blob& payload) {
  wire::Submit message{.chunks = ranges_of(words.at(4))};
  const auto size = number(value_of(words, "size", "4"));
  message.lengths.values.assign(chunk_count(message.chunks), static_cast<std::uint32_t>(size));
  payload = zeros(message.lengths.values.size() * size);
  return message;
}

wire::Message Script::settle(const Words& words, Blob& payload) {
  const auto& run = runs_.at(number(words.at(3).substr(1)) - 1);
  auto message = settle_of(run);
  const auto size = static_cast<std::uint32_t>(number(value_of(words, "size", "2")));
  const auto micros = static_cast<std::uint32_t>(number(value_of(words, "micros", "10")));
  message.micros.values.assign(run.lengths.values.size(), micros);
  message.lengths.values.assign(run.lengths.values.size(), size);
  if (const auto codes = split(value_of(words, "codes"), ','); !codes.empty()) {
    for (const auto& code : codes) message.codes.values.push_back(static_cast<std::uint16_t>(code_named(code)));
    message.codes.values.resize(run.lengths.values.size(), message.codes.values.back());
    for (std::size_t index = 0; index < message.codes.values.size(); ++index) {
      if (message.codes.values[index] != 0) message.lengths.values[index] = 0;
    }
  }
  std::vector<std::int64_t> values;
  for (const auto& value : split(value_of(words, "values"), ',')) values.push_back(std::stoll(value));
  if (!values.empty()) {
    message.lengths.values.assign(run.lengths.values.size(), 8);
    values.resize(run.lengths.values.size());
    payload = Blob::copy_of(std::as_bytes(std::span(values)));
  } else {
    std::size_t bytes = 0;
    for (const auto length : message.lengths.values) bytes += length;
    payload = zeros(bytes);
  }
  if (has(words, "forged")) message.token.low ^= 1U;
  if (has(words, "short")) message.lengths.values.pop_back();
  return message;
}

/// `s1` or `s1:g1,g2`, any number of them.
std::vector<wire::HeldLease> Script::held(const Words& words) {
  std::vector<wire::HeldLease> result;
  for (const auto& word : words) {
    if (word[0] != 's' || word.size() < 2 || !std::isdigit(static_cast<unsigned char>(word[1]))) continue;
    const auto parts = split(word, ':');
    const auto& given = leases_.at(number(parts[0].substr(1)) - 1);
    wire::HeldLease held{.lease = given.lease, .token = given.token};
    for (const auto& grant : split(parts.size() > 1 ? parts[1] : "", ',')) {
      held.grants.push_back(runs_.at(number(grant.substr(1)) - 1).grant.value);
    }
    result.push_back(held);
  }
  return result;
}

void Script::note(const Step& step) {
  // Sends first give names to what the writes mention.
  std::vector<std::string> sends;
  for (const auto& send : step.sends) sends.push_back(text_of(send));
  for (const auto& write : step.writes) decisions_ += fmt::format("      -> write {}\n", text_of(write));
  for (const auto& send : sends) decisions_ += fmt::format("      -> {}\n", send);
}

std::string Script::text_of(const Write& write) const {
  const auto& key = write.key;
  const auto job = [&] {
    const auto found = jobs_.find({.value = key.owner});
    return found == jobs_.end() ? std::string("?") : found->second;
  };
  const auto lease = [&](LeaseId id) {
    return fmt::format("s{}", index_of(leases_, [&](const auto& each) { return each.lease == id; }) + 1);
  };
  const auto grant = [&](std::uint64_t id) {
    return fmt::format("g{}", index_of(runs_, [&](const auto& each) { return each.grant.value == id; }) + 1);
  };
  std::string name;
  switch (key.kind) {
    case RecordKind::queue:
      name = "queue";
      break;
    case RecordKind::bundle:
      name = "bundle";
      break;
    case RecordKind::job:
      name = job();
      break;
    case RecordKind::progress:
      name = job() + " progress";
      break;
    case RecordKind::accepted:
      name = fmt::format("{} ids {}..", job(), key.item);
      break;
    case RecordKind::batch:
      name = fmt::format("{}.{}", job(), key.item);
      break;
    case RecordKind::runs:
      name = fmt::format("{}.{} runs", job(), key.item);
      break;
    case RecordKind::payload:
      name = fmt::format("{}.{} payload", job(), key.item);
      break;
    case RecordKind::output:
      name = fmt::format("{} output {}", job(), key.item);
      break;
    case RecordKind::output_bytes:
      name = fmt::format("{} output {} bytes", job(), key.item);
      break;
    case RecordKind::lease:
      name = lease({.value = key.owner});
      break;
    case RecordKind::grant:
      name = grant(key.owner);
      break;
    case RecordKind::timing:
      name = job() + " timing";
      break;
    case RecordKind::dead:
      name = fmt::format("{} dead {}", job(), key.item);
      break;
    case RecordKind::dead_bytes:
      name = fmt::format("{} dead {} payload", job(), key.item);
      break;
  }
  if (std::holds_alternative<Erase>(write.value)) return name + " erased";
  if (const auto* progress = std::get_if<ProgressRecord>(&write.value)) {
    return fmt::format("{} {}{}", name, kJobStates[static_cast<int>(progress->state)],
                       counts({{"accepted", progress->accepted},
                               {"done", progress->done},
                               {"dead", progress->dead},
                               {"dropped", progress->dropped},
                               {"retries", progress->retries},
                               {"taken", progress->taken.value}}));
  }
  if (const auto* accepted = std::get_if<AcceptedRecord>(&write.value)) return fmt::format("{}{}", name, accepted->last);
  if (const auto* batch = std::get_if<SharedBatch>(&write.value))
    return fmt::format("{} chunks {}", name, testing::text_of((*batch)->chunks));
  if (const auto* output = std::get_if<SharedOutput>(&write.value))
    return fmt::format("{} chunks {}", name, testing::text_of((*output)->chunks));
  if (const auto* queue = std::get_if<QueueRecord>(&write.value))
    return fmt::format("{} {}{}", name, queue->name, queue->paused ? " paused" : "");
  if (const auto* held = std::get_if<GrantRecord>(&write.value))
    return fmt::format("{} of {}{}", name, lease(held->lease), held->alone ? " alone" : "");
  if (const auto* held = std::get_if<LeaseRecord>(&write.value))
    return fmt::format("{}{}", name, held->up ? fmt::format(" window={}", held->window_chunks) : "");
  if (const auto* timing = std::get_if<TimingRecord>(&write.value)) {
    auto text = name;
    // The script's time 0 is 1 s of the broker's clock.
    const auto add = [&](std::string_view what, std::uint64_t ms) {
      if (ms > 0) text += fmt::format(" {}={}ms", what, ms - 1000);
    };
    add("starts", timing->starts_ms);
    add("deadline", timing->deadline_ms);
    add("forgotten", timing->forgotten_ms);
    for (const auto id : timing->awaits) text += fmt::format(" awaits={}", jobs_.contains(id) ? jobs_.at(id) : "?");
    return text;
  }
  if (const auto* dead = std::get_if<SharedDead>(&write.value)) {
    auto text = fmt::format("{} chunks {}{}", name, testing::text_of((*dead)->chunks), (*dead)->kept ? "" : " without payload");
    for (const auto id : (*dead)->replayed) text += fmt::format(" {}", id == JobId{} ? "-" : jobs_.contains(id) ? jobs_.at(id) : "?");
    return text;
  }
  if (const auto* blob = std::get_if<Blob>(&write.value)) {
    return key.kind == RecordKind::bundle ? bundle_text(*blob) : fmt::format("{} {} B", name, blob->size());
  }
  if (const auto* runs = std::get_if<RunsRecord>(&write.value)) {
    std::string text = name;
    for (const auto& run : runs->runs) {
      text += fmt::format(" {} {}", run.count, kChunkStates[static_cast<int>(run.state)]);
      if (run.state == ChunkState::leased) text += " " + grant(run.ref);
      if (run.state == ChunkState::waiting) text += fmt::format(" till={}ms", run.ref - 1000);
      text += counts({{"attempts", run.attempts}, {"noted", run.crashes}, {"faults", run.faults}}) + ",";
    }
    text.pop_back();
    return text;
  }
  return name;
}

std::string Script::text_of(const Send& send) {
  std::string who = "?";
  for (const auto& [name, peer] : peers_) {
    if (peer == send.peer) who = name;
  }
  const auto job = [&](JobId id) { return jobs_.contains(id) ? jobs_.at(id) : std::string("?"); };
  const auto lease = [&](LeaseId id) {
    return fmt::format("s{}", index_of(leases_, [&](const auto& each) { return each.lease == id; }) + 1);
  };
  const auto grant = [&](GrantId id) {
    return fmt::format("g{}", index_of(runs_, [&](const auto& each) { return each.grant == id; }) + 1);
  };
  std::size_t bytes = 0;
  for (const auto& piece : send.payload) bytes += piece.size();
  const auto text = [&]<class Message>(const Message& message) -> std::string {
    if constexpr (std::is_same_v<Message, wire::Welcome>) {
      std::string live;
      for (const auto& each : message.leases) live += " " + lease(each.lease);
      return "welcome" + live;
    } else if constexpr (std::is_same_v<Message, wire::ErrorReply>) {
      return fmt::format("error {}: {}", name_of(message.code), message.detail);
    } else if constexpr (std::is_same_v<Message, wire::Opened>) {
      if (!message.resumed) jobs_[message.job] = opening_;
      return fmt::format("opened {}{}{}", job(message.job), message.resumed ? " resumed" : "",
                         message.resumed || message.accepted > 0 ? fmt::format(" accepted={}", message.accepted) : "");
    } else if constexpr (std::is_same_v<Message, wire::Accepted>) {
      return fmt::format("accepted {} fresh={}", job(message.job), message.fresh);
    } else if constexpr (std::is_same_v<Message, wire::Lease>) {
      leases_.push_back(message);
      return fmt::format("lease {} bytes={} max={}{}{}", lease(message.lease), message.bytes, message.max_chunk_bytes,
                         message.isolation == Isolation::tenant ? "" : fmt::format(" isolation={}", to_text(message.isolation)),
                         message.by_reference ? " by_reference" : "");
    } else if constexpr (std::is_same_v<Message, wire::Run>) {
      runs_.push_back(message);
      return fmt::format("run {} {} {}[{}] {} B{}", grant(message.grant), lease(message.lease), job(message.job),
                         testing::text_of(message.chunks), bytes, message.alone ? " alone" : "");
    } else if constexpr (std::is_same_v<Message, wire::Settled>) {
      return fmt::format("settled {}{}", grant(message.grant),
                         message.code == ErrorCode::ok ? "" : fmt::format(" {}", name_of(message.code)));
    } else if constexpr (std::is_same_v<Message, wire::Renewed>) {
      std::string live;
      for (const auto& each : message.leases) live += fmt::format(" {} ttl={}ms", lease(each.lease), each.ttl_ms);
      return "renewed" + live;
    } else if constexpr (std::is_same_v<Message, wire::Release>) {
      return fmt::format("release {} {}: {}", lease(message.lease), name_of(message.code), message.detail);
    } else if constexpr (std::is_same_v<Message, wire::Event>) {
      const auto& status = message.job;
      auto line = fmt::format("event {} {}{}", job(status.id), kJobStates[static_cast<int>(status.state)],
                              counts({{"ready", status.ready},
                                      {"waiting", status.waiting},
                                      {"leased", status.leased},
                                      {"done", status.done},
                                      {"dead", status.dead},
                                      {"dropped", status.dropped},
                                      {"retries", status.retries},
                                      {"value", status.integer_value}}));
      if (status.hold == JobHold::delayed) line += fmt::format(" delayed {}ms", status.hold_ms);
      if (status.hold == JobHold::blocked) {
        line += " blocked by";
        for (const auto id : status.after) line += " " + job(id);
      }
      if (status.deadline_ms > 0) line += fmt::format(" deadline={}ms", status.deadline_ms);
      if (status.origin != JobId{}) line += " replays " + job(status.origin);
      if (status.error != ErrorCode::ok) line += fmt::format(" {}: {}", name_of(status.error), status.error_detail);
      return line;
    } else if constexpr (std::is_same_v<Message, wire::Output>) {
      auto line =
          fmt::format("output {} {} chunks {} {} B", job(message.job), message.cursor.value, testing::text_of(message.chunks), bytes);
      for (const auto& detail : message.details) {
        line +=
            fmt::format("; {} {}: {}", detail.index, name_of(static_cast<ErrorCode>(message.codes.values.at(detail.index))), detail.detail);
      }
      return line;
    } else if constexpr (std::is_same_v<Message, wire::Listed>) {
      std::string line = "listed";
      for (const auto& each : message.jobs) line += fmt::format(" {}", job(each.id));
      for (const auto& each : message.queues) {
        line += fmt::format(" {}{}{}", each.name, each.paused ? " paused" : "",
                            counts({{"jobs", each.jobs},
                                    {"held", each.held},
                                    {"ready", each.ready},
                                    {"leased", each.leased},
                                    {"bytes", each.bytes},
                                    {"done", each.done}}));
      }
      for (const auto& each : message.workers) {
        line += fmt::format(" {}{}", each.name,
                            counts({{"leases", each.leases},
                                    {"alone", each.process_leases},
                                    {"mps", each.mps_leases},
                                    {"leased", each.leased_chunks},
                                    {"done", each.done}}));
      }
      return line;
    } else if constexpr (std::is_same_v<Message, wire::DeadListed>) {
      return text_of(message);
    } else if constexpr (std::is_same_v<Message, wire::Removed>) {
      return fmt::format("removed {}{}", message.found ? job(message.job) : "nothing", counts({{"dead", message.chunks}}));
    } else if constexpr (std::is_same_v<Message, wire::ChunkPayload>) {
      return fmt::format("payload {}[{}] {} B", job(message.job), message.chunk, bytes);
    } else if constexpr (std::is_same_v<Message, wire::Want>) {
      return fmt::format("want sessions={} bytes={}", message.sessions, message.bytes);
    } else if constexpr (std::is_same_v<Message, wire::BundleReply>) {
      return send.payload.size() == 1 ? bundle_text(send.payload.front()) : fmt::format("bundle in {} pieces", send.payload.size());
    } else {
      return fmt::format("message {}", Message::kType);
    }
  };
  return fmt::format("{} {}", who, std::visit(text, send.message));
}

}  // namespace sublet::broker::testing
