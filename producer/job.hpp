#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/job.hpp"
#include "producer/outputs.hpp"

namespace sublet {

namespace producer {
class Engine;
class Places;
struct JobHandle;
}  // namespace producer

/// One chunk to submit. Payloads of 64 KiB and more are sent from the blob's own memory, smaller ones are copied once.
struct Chunk {
  ChunkId id;
  Blob payload;
};

/// The same over borrowed memory, which is copied before the call returns.
struct ChunkView {
  ChunkId id;
  ByteView payload;
};

/// A chunk's payload before it is submitted, in memory that the workers of this host share. Made by `Job::place`.
class Placed {
 public:
  Placed(Placed&&) noexcept = default;
  Placed& operator=(Placed&& other) noexcept;
  ~Placed();

  /// To be filled.
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  /// The payload is the first `length` of these bytes only.
  void cut(std::uint64_t length) { bytes_ = bytes_.first(length); }

 private:
  friend class Job;
  Placed(std::shared_ptr<producer::Places> places, std::uint64_t place, std::uint64_t length);
  std::shared_ptr<producer::Places> places_;  ///< null once it was submitted
  std::uint64_t place_ = 0;
  std::span<std::byte> bytes_;
};

/// A batch that the broker has made durable.
struct AcceptedChunks {
  std::uint64_t chunks = 0;  ///< in the batch
  std::uint64_t fresh = 0;   ///< of these, how many the job did not have yet
};

/// One job at the broker. Cheap to copy: all copies are the same job. Any number of threads may use it at the same time. The job lives at
/// the broker and does not end with this object.
class Job {
 public:
  [[nodiscard]] JobId id() const;
  /// The broker had this job already: the idempotency key was used before, or it was attached to.
  [[nodiscard]] bool resumed() const { return opening_.resumed; }
  /// How many chunks the job had when it was opened here.
  [[nodiscard]] std::uint64_t accepted_before() const { return opening_.accepted; }

  /// Queues a chunk. Returns once it is queued here; waits while the broker's credit is used up. A chunk that the broker refuses later
  /// makes every following submit, flush and close return that error. An id that the job already has counts as accepted and is not run
  /// again. Errors: `chunk_too_large`, `job_closed`, `jobs_lost`, `interrupted`, `disconnected` (the client was closed), what the broker
  /// refused with.
  Result<void> submit(ChunkId chunk, Blob payload);
  Result<void> submit(ChunkId chunk, ByteView payload);
  /// A whole batch, which stays together where it fits. On an error of its own (`duplicate`, `chunk_too_large`) nothing of it was queued.
  Result<void> submit(std::span<const Chunk> chunks);
  Result<void> submit(std::span<const ChunkView> chunks);

  /// For a job that was opened by reference: room for a payload of that many bytes, to be filled and submitted without a copy. Waits while
  /// every place is taken, at most the client's `call_timeout`: a place is free again when its chunk's output was read and let go of.
  /// Errors: `chunk_too_large`, `resource_exhausted`, `interrupted`, `bad_argument` for a job whose payloads travel.
  Result<Placed> place(std::uint64_t bytes);
  Result<void> submit(ChunkId chunk, Placed payload);

  /// Waits until everything submitted before the call, by any thread, is ACCEPTED: durable, as far as the store is.
  Result<void> flush(Millis timeout = kForever);
  /// Flushes, then says that no more chunks come. Safe to repeat.
  Result<void> close(Millis timeout = kForever);

  /// The stream of outputs from the first that was not taken.
  /// @param first  with `Order::chunk_id`, the id to begin with: what lies before it waits for nothing
  Outputs outputs(Order order = Order::arrival, ChunkId first = {0});

  Result<JobStatus> status();
  Result<JobStatus> cancel();
  /// Waits until the job has ended, however it ended. A job that nobody closed ends by its `open_timeout`.
  /// @param progress  called in this thread whenever the job has moved, at most five times a second, and with the final status
  Result<JobStatus> wait(Millis timeout = kForever, const std::function<void(const JobStatus&)>& progress = {});

  /// Calls back whenever the job has moved (at most each `interval`) and once when it ends; empty stops. Runs on the library's thread:
  /// return soon; a call that would wait for the broker returns `bad_argument` there. Submits that find credit are fine.
  Result<void> watch(std::function<void(const JobStatus&)> callback, Millis interval = 200ms);
  /// Calls back for every batch that the broker has accepted, on the library's thread as with `watch`; empty stops.
  void on_accepted(std::function<void(const AcceptedChunks&)> callback);

 private:
  friend class Client;
  struct Opening {
    bool resumed = false;
    std::uint64_t accepted = 0;
  };
  template <class Item>
  Result<void> submit_placed(std::span<const Item> chunks);
  Job(std::shared_ptr<producer::Engine> engine, std::shared_ptr<producer::JobHandle> handle, Opening opening);

  // In this order: the handle is let go before the engine.
  std::shared_ptr<producer::Engine> engine_;
  std::shared_ptr<producer::JobHandle> handle_;
  Opening opening_;
};

}  // namespace sublet
