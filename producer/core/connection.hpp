#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/random.hpp"
#include "common/time.hpp"
#include "common/wire/messages.hpp"
#include "producer/core/known_job.hpp"
#include "producer/core/link.hpp"
#include "producer/core/requests.hpp"

namespace sublet::producer {

/// Something about a job that a caller may be waiting for.
struct JobEvent {
  enum class What : std::uint8_t { accepted, status, outputs, lost };
  std::shared_ptr<KnownJob> job;
  What what = What::status;
  std::uint64_t chunks = 0;  ///< accepted: how many
  std::uint64_t fresh = 0;   ///< accepted: of these, new to the job
};

struct Changes {
  bool link = false;     ///< the connection came up or was lost
  bool answers = false;  ///< a question was answered
  bool credit = false;   ///< there may be room for more chunks
  std::vector<JobEvent> jobs;
};

/// Everything a producer knows and decides of one shard: messages, calls and time in; messages to send and news for callers out. Used under
/// one lock.
class Connection {
 public:
  /// @param brokers  lasts longer than the connection, as `random`
  Connection(LinkOptions options, BrokerList& brokers, Random& random);

  // ---- the sockets' side ----

  void start(Instant now);
  void receive(wire::Plane plane, std::uint64_t request, wire::Message message, Blob payload, Instant now);
  /// The sockets could not be made, or are of no use any more.
  void lost(Error error, Instant now);
  /// One of the sockets has lost its connection. Nothing to do before the broker has welcomed both: the attempt goes on.
  void disconnected(Instant now);
  /// Something arrived that is no message.
  void receive_garbage(const Error& error, Instant now);
  /// Does what is due; to be called after whatever else was called.
  Effects step(Instant now);
  [[nodiscard]] Instant next_deadline() const;
  Changes take_changes();
  [[nodiscard]] const Link& link() const { return link_; }
  /// What the broker said about itself; nothing before its first welcome.
  [[nodiscard]] const std::optional<wire::Welcome>& welcome() const { return welcome_; }

  // ---- the callers' side ----

  std::uint64_t ask(wire::Plane plane, wire::Message message, std::optional<Blob> payload, std::optional<JobId> job);
  std::optional<Result<wire::Message>> take_answer(std::uint64_t request) { return requests_.take_answer(request); }
  /// What came with that answer, once; only PAYLOAD brings any.
  Blob take_payload(std::uint64_t request);
  /// Gives up waiting; returns what the broker last answered to it, if it asked to wait.
  std::optional<Error> forget(std::uint64_t request);

  /// The job of that id, known from now on.
  std::shared_ptr<KnownJob> adopt(JobId id);
  void release(const std::shared_ptr<KnownJob>& job);
  /// Asks for its status whenever it moves.
  void follow(const std::shared_ptr<KnownJob>& job, Millis interval);

  /// Whether so much may be queued now. Any load may when the job has nothing else queued: one larger than all credit would never go
  /// otherwise, and what others have queued may wait for this very job.
  [[nodiscard]] bool has_room(const KnownJob& job, Load load) const;
  /// Queues chunks that `has_room` agreed to; a large Blob is kept, everything else copied.
  /// @return whether `step` has something to send
  bool submit(const std::shared_ptr<KnownJob>& job, ChunkId chunk, const Blob& payload);
  bool submit(const std::shared_ptr<KnownJob>& job, ChunkId chunk, ByteView payload);
  /// The next chunks, of this load, belong together.
  void begin_batch(const std::shared_ptr<KnownJob>& job, Load load) { job->queue.begin(load); }
  /// Packs no larger batch than this.
  [[nodiscard]] Load full_batch() const { return full_batch_; }

  /// Makes a new reader the job's only one. Returns its id.
  std::uint64_t open_reader(const std::shared_ptr<KnownJob>& job, Load window);
  /// Everything up to `cursor`, which is so much more than before, is handled.
  /// @param now  tells the broker with the next step; otherwise when it is worth a message, or with the next heartbeat
  /// @return whether `step` has something to send that cannot wait
  bool take(const std::shared_ptr<KnownJob>& job, Cursor cursor, Load load, bool now);
  void widen(const std::shared_ptr<KnownJob>& job, Load window);
  void close_reader(const std::shared_ptr<KnownJob>& job);

 private:
  void came_up(Instant now);
  void lose_jobs();
  void lose_job(const std::shared_ptr<KnownJob>& job, const Error& error);
  void refuse(const std::shared_ptr<KnownJob>& job, const Error& error);
  void failed(std::uint64_t request, const Error& error, Instant now);
  bool submit_failed(std::uint64_t request, const Error& error, Instant now);
  void accepted(std::uint64_t request, const wire::Accepted& accepted);
  void moved(std::uint64_t request, const wire::Event& event);
  void output(std::uint64_t request, wire::Output output, Blob payload, Instant now);
  /// @param waits  the job had chunks that wait to be sent before this one
  /// @return whether the thread that sends has to look
  bool queued(const std::shared_ptr<KnownJob>& job, bool waits);
  void take_turn(const std::shared_ptr<KnownJob>& job);
  void pump(Instant now);
  void send_reading(KnownJob& job);
  /// @param has_company  something else goes to the broker at the same moment
  void send_taken(KnownJob& job, bool has_company, Instant now);
  /// @return whether a batch went out
  bool send_batch(const std::shared_ptr<KnownJob>& job, Instant now);
  void send(wire::Plane plane, std::uint64_t request, wire::Message message, std::optional<Blob> payload = {});
  void tell(const std::shared_ptr<KnownJob>& job, JobEvent::What what);
  void erase_if_done(const std::shared_ptr<KnownJob>& job);
  std::shared_ptr<KnownJob> find(JobId id) const;

  Link link_;
  Effects effects_;
  Changes changes_;
  Requests requests_;
  std::map<std::uint64_t, Blob> payloads_;  ///< of answers not yet taken, by request
  std::optional<wire::Welcome> welcome_;
  std::map<JobId, std::shared_ptr<KnownJob>> jobs_;
  std::map<std::uint64_t, std::shared_ptr<KnownJob>> submits_;  ///< in flight, by request
  std::deque<std::shared_ptr<KnownJob>> turn_;                  ///< jobs that may have something to send, taking turns
  Load credit_;
  Load reserved_;   ///< submitted, not accepted
  Load in_flight_;  ///< of these, on their way
  Load full_batch_ = kFullBatch;
  std::uint64_t next_request_ = 1;
  std::uint64_t next_reader_ = 1;
};

}  // namespace sublet::producer
