#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "common/ids.hpp"
#include "gpu-worker/devices/cuda/handles.hpp"

namespace sublet::cuda {

/// A stream and an event of a StreamManager. Never reused, so one that is gone stays unknown.
using StreamRef = Id<struct StreamRefTag>;
using EventRef = Id<struct EventRefTag>;

/// Which stream's waiting kernels come first. A hint: what runs is not interrupted, and copies are not affected.
enum class StreamPriority : std::uint8_t { LOW, NORMAL, HIGH };

/// What the driver refused.
class CudaException : public std::runtime_error {
 public:
  CudaException(Status status, const std::string& text) : std::runtime_error(text), status_(status) {}
  [[nodiscard]] Status status() const { return status_; }

 private:
  Status status_;
};

/// The streams of one context: `compute`, `copy_0` (host to device) and `copy_1` (device to host), and user streams on top. Work on
/// different streams overlaps; events order it. May be used from several threads.
///
/// Streams wait for no other stream (they are non-blocking). Functions throw `CudaException` where the driver fails, and
/// `std::invalid_argument` for handles that this object never gave out or that are destroyed.
class StreamManager {
 public:
  static constexpr int kDefaultStreams = 8;
  static constexpr int kMostStreams = 16;

  /// Uses the context that is current, or card 0's primary context where none is.
  /// @param max_streams  user streams at a time, 1 to 16; `std::invalid_argument` otherwise
  explicit StreamManager(int max_streams = kDefaultStreams);
  StreamManager(DriverRef driver, int max_streams);
  /// Waits for all work; leaves no stream and no event.
  ~StreamManager();
  StreamManager(const StreamManager&) = delete;
  StreamManager& operator=(const StreamManager&) = delete;

  /// `std::runtime_error` when `max_streams` user streams are there.
  StreamRef create_stream(StreamPriority priority = StreamPriority::NORMAL);
  /// Refuses the compute and the copy streams with `std::invalid_argument`. Work that is queued is still done.
  void destroy_stream(StreamRef stream);

  [[nodiscard]] StreamRef get_compute_stream() const { return compute_; }
  /// @param index  0: host to device, 1: device to host; `std::invalid_argument` otherwise
  [[nodiscard]] StreamRef get_copy_stream(int index = 0) const;

  EventRef create_event();
  void destroy_event(EventRef event);
  /// Marks the point that the stream's queue has now. Does not wait.
  void insert_event(StreamRef stream, EventRef event);
  /// What is queued on the stream from now on begins after the event's last mark is reached, at once when it has none. The device waits,
  /// the host does not.
  void wait_event(StreamRef stream, EventRef event);

  /// Blocks until everything queued on the stream is done.
  void sync_stream(StreamRef stream);
  /// The same for all streams.
  void sync_all_streams();

  /// Live ones, the three of its own among them.
  [[nodiscard]] std::size_t active_streams() const;
  /// Never falls.
  [[nodiscard]] std::size_t total_streams_created() const;

  /// What the driver calls the stream, for launches and copies.
  [[nodiscard]] StreamPointer native(StreamRef stream) const;
  [[nodiscard]] EventPointer native(EventRef event) const;

  /// Leaves all streams and events to the end of the process: a kernel hangs, and freeing them would wait for it.
  void abandon();

 private:
  /// Shared, so that a stream that one thread waits for may be destroyed by another.
  using SharedStream = std::shared_ptr<OwnedStream>;
  using SharedEvent = std::shared_ptr<OwnedEvent>;

  void check(Status status, const char* what) const;
  StreamRef add_stream(StreamPriority priority);
  [[nodiscard]] SharedStream find(StreamRef stream) const;
  [[nodiscard]] SharedEvent find(EventRef event) const;
  [[nodiscard]] int value_of(StreamPriority priority) const;

  DriverRef driver_;
  /// Where no context was current.
  PrimaryContext context_;
  int max_streams_;
  int least_ = 0;
  int greatest_ = 0;
  mutable std::mutex mutex_;
  std::uint64_t last_ref_ = 0;
  std::size_t created_ = 0;
  std::unordered_map<StreamRef, SharedStream> streams_;
  std::unordered_map<EventRef, SharedEvent> events_;
  StreamRef compute_;
  StreamRef copy_[2];
};

}  // namespace sublet::cuda
