#include "tests/common/wire/samples.hpp"

#include "common/wire/bundle.hpp"

namespace sublet::wire {
namespace {

constexpr Token kConnection{.high = 0x0102030405060708, .low = 0x090a0b0c0d0e0f10};
constexpr Token kLeaseToken{.high = 0x1112131415161718, .low = 0x191a1b1c1d1e1f20};
constexpr Token kHost{.high = 0x2122232425262728, .low = 0x292a2b2c2d2e2f30};
constexpr Token kFence{.high = 0x2122232425262728, .low = 0x292a2b2c2d2e2f30};
constexpr LeaseId kLease{0xa1b2c3d4e5f60718};
constexpr GrantId kGrant{5};
constexpr JobId kJob{0x00000000c0ffee01};

ContentHash bundle_hash() { return content_hash(encode_bundle(sample_bundle())); }

JobStatus running_job() {
  return {.id = kJob,
          .name = "film",
          .queue = "default",
          .state = JobState::closed,
          .accepted = 3,
          .leased = 2,
          .done = 1,
          .bytes_in = 6,
          .bytes_out = 2,
          .sessions = 1,
          .age_ms = 1500,
          .last_output = Cursor{1},
          .error = ErrorCode::ok,
          .error_detail = "",
          .deadline_ms = 598'500};
}

JobStatus failed_job() {
  return {.id = JobId{0xc0ffee02},
          .name = "sum",
          .queue = "default",
          .state = JobState::failed,
          .accepted = 4,
          .done = 2,
          .dead = 1,
          .dropped = 1,
          .retries = 3,
          .bytes_in = 32,
          .bytes_out = 16,
          .sessions = 2,
          .age_ms = 90'000,
          .integer_value = 0,
          .float_value = 0.5,
          .last_output = Cursor{3},
          .error = ErrorCode::retries_exhausted,
          .error_detail = "chunk 2: transient",
          .forgotten_ms = 3'600'000,
          .origin = JobId{0xc0ffee01},
          .by_reference = true};
}

QueueStatus default_queue() {
  return {.name = "default",
          .paused = false,
          .jobs = 1,
          .held = 0,
          .ready = 0,
          .waiting = 0,
          .leased = 2,
          .bytes = 6,
          .output_bytes = 2,
          .dead_bytes = 0,
          .oldest_ms = 1500,
          .done = 1,
          .dead = 0,
          .retries = 0};
}

WorkerStatus one_worker() {
  return {.name = "host-1:4242",
          .cards = 1,
          .total_bytes = 1ULL << 30U,
          .free_bytes = 1ULL << 29U,
          .leases = 1,
          .process_leases = 0,
          .mps_leases = 0,
          .mps = true,
          .leased_chunks = 2,
          .done = 1,
          .age_ms = 60'000};
}

JobSpec film_spec() {
  return {.queue = "default",
          .idempotency_key = "film-2026-11-21",
          .name = "film",
          .tenant = "lab",
          .pipeline = bundle_hash(),
          .max_chunk_bytes = 65'536,
          .priority = 4,
          .policy = PolicyKind::all,
          .quorum = 0,
          .aggregate = AggregateKind::collect,
          .element = ElementType::f64,
          .retry = {.max_retries = 3, .initial_backoff = 1s, .max_backoff = 16s},
          .open_timeout = 10min,
          .isolation = Isolation::tenant,
          .delay = 10s,
          .after = {JobId{0xc0ffee02}},
          .after_any = false,
          .deadline = 10min,
          .ttl = 1h,
          .host = {},
          .durability = Durability::fast};
}

DeadSelection crashed() { return {.codes = {{403}}, .chunks = {{.first = 0, .count = 8}}}; }

std::vector<Sample> control_samples() {
  return {
      {1,
       {},
       Hello{.role = Role::worker,
             .plane = Plane::control,
             .minor = 0,
             .shard = 3,
             .instance = 0x1122334455667788,
             .name = "host-1:4242",
             .token = {},
             .host = kHost,
             .leases = {{.lease = kLease, .token = kLeaseToken, .grants = {5}}}}},
      {1,
       {},
       Welcome{.minor = 0,
               .shards = 4,
               .spread = 2,
               .store = 0x99aabbccddeeff00,
               .durable = false,
               .token = kConnection,
               .bulk = "tcp://127.0.0.1:7451",
               .heartbeat_ms = 1000,
               .credit_chunks = 65'536,
               .credit_bytes = 64U << 20U,
               .max_chunk_bytes = 16U << 20U,
               .max_batch_bytes = 16U << 20U,
               .max_batch_chunks = 16'384,
               .leases = {{.lease = kLease, .ttl_ms = 30'000}}}},
      {2, {}, Ping{}},
      {2, {}, Pong{}},
      {0, {}, Bye{}},
      {7,
       {},
       ErrorReply{.code = ErrorCode::not_owner,
                  .detail = "shard 3 is served by tcp://127.0.0.1:7460; connect there",
                  .retry_after_ms = 250,
                  .owner = "tcp://127.0.0.1:7460"}},
      {0, {}, Credit{.chunks = 1024, .bytes = 1U << 20U}},
      {0, {}, Window{.lease = kLease, .chunks = 512, .bytes = 8U << 20U, .isolation = Isolation::tenant}},
      {0,
       {},
       Offer{.seen = 1,
             .cards = {{.index = 0,
                        .kind = "cpu",
                        .name = "cpu device",
                        .total_bytes = 1ULL << 30U,
                        .free_bytes = 1ULL << 29U,
                        .free_sessions = 7}},
             .mps = false}},
      {0,
       {},
       Lease{.lease = kLease,
             .token = kLeaseToken,
             .tenant = "lab",
             .card = 0,
             .bytes = 1U << 20U,
             .max_chunk_bytes = 65'536,
             .ttl_ms = 30'000,
             .pipeline = bundle_hash(),
             .isolation = Isolation::process,
             .by_reference = false}},
      {3, {}, Renew{.leases = {{.lease = kLease, .token = kLeaseToken, .grants = {5, 6}}}}},
      {3, {}, Renewed{.leases = {{.lease = kLease, .ttl_ms = 30'000}}}},
      {0, {}, Release{.lease = kLease, .code = ErrorCode::lease_expired, .detail = "", .peak_bytes = 786'432}},
      {4, {}, Cancel{.job = kJob}},
      {5, {}, Pause{.queue = "default", .paused = true}},
      {6, {}, Watch{.job = kJob, .follow = true, .interval_ms = 200}},
      {6, {}, Event{.job = running_job()}},
      {8, {}, List{.what = Listing::jobs, .limit = 100}},
      {8, {}, Listed{.jobs = {failed_job()}, .queues = {default_queue()}, .workers = {one_worker()}}},
      {0, {}, Want{.sessions = 2, .bytes = 1U << 20U, .least_bytes = 1U << 18U}},
      {15, {}, DeadQuery{.job = kJob, .in_queue = "", .select = crashed(), .skip = 0, .limit = 100}},
      {15,
       {},
       DeadListed{.classes = {{.job = kJob,
                               .code = ErrorCode::poison,
                               .chunks = 1,
                               .replayed = 0,
                               .bytes = 3,
                               .example = 7,
                               .detail = "ended its session"}},
                  .chunks = {{.id = 7,
                              .code = ErrorCode::poison,
                              .attempts = 0,
                              .crashes = 3,
                              .bytes = 3,
                              .kept = true,
                              .replayed = JobId{0},
                              .detail = "ended its session"}},
                  .spec = {}}},
      {16, {}, Remove{.job = kJob, .select = crashed()}},
      {17, {}, Teardown{.job = kJob}},
      {17, {}, Removed{.job = kJob, .found = true, .chunks = 1}},
  };
}

std::vector<Sample> bulk_samples() {
  const auto bundle_bytes = encode_bundle(sample_bundle()).size();
  return {
      {9, bundle_bytes, Open{.spec = film_spec()}},
      {9, {}, Opened{.job = kJob, .resumed = false, .accepted = 0, .taken = Cursor{0}}},
      {11, {}, Close{.job = kJob}},
      {10, 6, Submit{.job = kJob, .chunks = {{.first = 0, .count = 2}, {.first = 7, .count = 1}}, .lengths = {{3, 0, 3}}}},
      {10, {}, Accepted{.job = kJob, .fresh = 3}},
      {0, 3,
       Run{.lease = kLease,
           .grant = kGrant,
           .token = kFence,
           .job = kJob,
           .chunks = {{.first = 0, .count = 2}},
           .lengths = {{3, 0}},
           .alone = false}},
      {12, 2,
       Settle{.lease = kLease,
              .grant = kGrant,
              .token = kFence,
              .codes = {{0, 402}},
              .details = {{.index = 1, .detail = "the disk was away"}},
              .lengths = {{2, 0}},
              .micros = {{120, 80}}}},
      {12, {}, Settled{.lease = kLease, .grant = kGrant, .code = ErrorCode::ok}},
      {13, {}, Read{.job = kJob, .after = Cursor{0}, .chunks = 4096, .bytes = 8U << 20U}},
      {13, 2,
       Output{.job = kJob,
              .cursor = Cursor{1},
              .chunks = {{.first = 0, .count = 1}},
              .codes = {},
              .details = {},
              .lengths = {{2}},
              .micros = {{120}}}},
      {0, {}, Taken{.job = kJob, .cursor = Cursor{1}}},
      {14, {}, Get{.hash = bundle_hash()}},
      {14, bundle_bytes, BundleReply{.hash = bundle_hash()}},
      {18, 0, Replay{.job = kJob, .select = crashed(), .again = false, .spec = film_spec()}},
      {19, {}, Peek{.job = kJob, .chunk = 7}},
      {19, 3, ChunkPayload{.job = kJob, .chunk = 7}},
  };
}

}  // namespace

std::vector<Sample> samples() {
  auto all = control_samples();
  for (auto& sample : bulk_samples()) all.push_back(std::move(sample));
  return all;
}

Bundle sample_bundle() {
  Bundle bundle;
  bundle.pipeline.name = "double";
  bundle.pipeline.modules = {{.name = "arithmetic", .file = ""}};
  bundle.pipeline.parameters = {{.name = "factor", .value = 2, .variation = Variation::real, .least = 0, .most = 9.5}};
  bundle.pipeline.buffers = {{.name = "data", .bytes = "n"}};
  bundle.pipeline.residents = {{.name = "weights", .file = "", .bytes = 4}};
  bundle.pipeline.require = {{.that = "n % 4 == 0", .otherwise = "whole floats, not {n} bytes"}};
  bundle.pipeline.stages = {{.kernel = "scale",
                             .module = "",
                             .over = "n / 4",
                             .grid = {},
                             .block = {256, 1, 1},
                             .shared_bytes = 0,
                             .args = {{.type = ArgumentType::buffer, .value = "data"}, {.type = ArgumentType::f32, .value = "factor"}}}};
  bundle.pipeline.repeats = {
      {.first = 0, .stages = 1, .check = 0, .times = "8", .every = "2", .until = "f32 data > 10", .otherwise = "still small"}};
  bundle.pipeline.host_stages = {{.before = 1,
                                  .function = "sort",
                                  .from = "data",
                                  .bytes = "n",
                                  .to = "data",
                                  .length = "",
                                  .values = {{.name = "top", .value = "9"}},
                                  .sets = {"factor"}}};
  bundle.pipeline.inputs = {"data"};
  bundle.pipeline.outputs = {{.buffer = "data"}};
  bundle.pipeline.lanes = 2;
  const std::string_view ptx = ".version 9.0";
  bundle.modules = {{.name = "arithmetic", .image = {as_view(ptx).begin(), as_view(ptx).end()}}};
  bundle.residents = {{.name = "weights", .data = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0x40}}}};
  return bundle;
}

}  // namespace sublet::wire
