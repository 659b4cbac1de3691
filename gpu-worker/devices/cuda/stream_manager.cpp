#include "gpu-worker/devices/cuda/stream_manager.hpp"

#include <vector>

#include <fmt/format.h>

namespace sublet::cuda {
namespace {

DriverRef load_driver() {
  auto driver = Driver::load();
  if (!driver) {
    throw CudaException(kNoDevice, driver.error().detail);
  }
  return *driver;
}

}  // namespace

StreamManager::StreamManager(int max_streams) : StreamManager(load_driver(), max_streams) {}

StreamManager::StreamManager(DriverRef driver, int max_streams) : driver_(std::move(driver)), max_streams_(max_streams) {
  if (max_streams < 1 || max_streams > kMostStreams) {
    throw std::invalid_argument(fmt::format("{} user streams: use 1 to {}", max_streams, kMostStreams));
  }
  ContextHandle context = nullptr;
  check(driver_->context_get_current(&context), "the current context");
  if (context == nullptr) {
    check(driver_->primary_context_retain(&context, 0), "card 0's context");
    context_ = PrimaryContext(driver_, 0, context);
    check(driver_->context_set_current(context), "making card 0's context current");
  }
  check(driver_->context_get_stream_priority_range(&least_, &greatest_), "the range of priorities");
  compute_ = add_stream(StreamPriority::NORMAL);
  copy_[0] = add_stream(StreamPriority::NORMAL);
  copy_[1] = add_stream(StreamPriority::NORMAL);
}

StreamManager::~StreamManager() {
  // A failure is told to whoever waits for the work; here is nobody.
  for (const auto& [ref, stream] : streams_) {
    driver_->stream_synchronize(stream->get());
  }
  streams_.clear();
  events_.clear();
  if (context_.get() != nullptr) {
    driver_->context_set_current(nullptr);
  }
}

void StreamManager::check(Status status, const char* what) const {
  if (status != kSuccess) {
    throw CudaException(status, fmt::format("{}: {}", what, driver_->text(status)));
  }
}

/// Lower numbers come first. 0, the driver's default, is the least urgent, so NORMAL is the middle of the range.
int StreamManager::value_of(StreamPriority priority) const {
  switch (priority) {
    case StreamPriority::LOW:
      return least_;
    case StreamPriority::HIGH:
      return greatest_;
    case StreamPriority::NORMAL:
      break;
  }
  return (least_ + greatest_) / 2;
}

StreamRef StreamManager::add_stream(StreamPriority priority) {
  StreamPointer stream = nullptr;
  check(driver_->stream_create_with_priority(&stream, kStreamNonBlocking, value_of(priority)), "a stream");
  const StreamRef ref{++last_ref_};
  streams_.emplace(ref, std::make_shared<OwnedStream>(driver_, stream));
  ++created_;
  return ref;
}

StreamRef StreamManager::create_stream(StreamPriority priority) {
  const std::lock_guard lock(mutex_);
  constexpr std::size_t kOwn = 3;
  if (streams_.size() - kOwn >= static_cast<std::size_t>(max_streams_)) {
    throw std::runtime_error(
        fmt::format("there are {} user streams, the most that this manager may have: destroy one first", max_streams_));
  }
  return add_stream(priority);
}

void StreamManager::destroy_stream(StreamRef stream) {
  if (stream == compute_ || stream == copy_[0] || stream == copy_[1]) {
    throw std::invalid_argument("the compute and the copy streams live as long as their manager");
  }
  SharedStream last;
  {
    const std::lock_guard lock(mutex_);
    last = find(stream);
    streams_.erase(stream);
  }
}

StreamRef StreamManager::get_copy_stream(int index) const {
  if (index != 0 && index != 1) {
    throw std::invalid_argument(fmt::format("copy stream {}: there are 0 (host to device) and 1 (device to host)", index));
  }
  return copy_[index];
}

EventRef StreamManager::create_event() {
  EventPointer event = nullptr;
  check(driver_->event_create(&event, kEventDisableTiming), "an event");
  const std::lock_guard lock(mutex_);
  const EventRef ref{++last_ref_};
  events_.emplace(ref, std::make_shared<OwnedEvent>(driver_, event));
  return ref;
}

void StreamManager::destroy_event(EventRef event) {
  SharedEvent last;
  const std::lock_guard lock(mutex_);
  last = find(event);
  events_.erase(event);
}

void StreamManager::insert_event(StreamRef stream, EventRef event) {
  const std::lock_guard lock(mutex_);
  check(driver_->event_record(find(event)->get(), find(stream)->get()), "marking an event");
}

void StreamManager::wait_event(StreamRef stream, EventRef event) {
  const std::lock_guard lock(mutex_);
  check(driver_->stream_wait_event(find(stream)->get(), find(event)->get(), 0), "waiting for an event");
}

void StreamManager::sync_stream(StreamRef stream) {
  SharedStream waited_for;
  {
    const std::lock_guard lock(mutex_);
    waited_for = find(stream);
  }
  check(driver_->stream_synchronize(waited_for->get()), "waiting for a stream");
}

void StreamManager::sync_all_streams() {
  std::vector<SharedStream> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [ref, stream] : streams_) {
      all.push_back(stream);
    }
  }
  for (const SharedStream& stream : all) {
    check(driver_->stream_synchronize(stream->get()), "waiting for a stream");
  }
}

std::size_t StreamManager::active_streams() const {
  const std::lock_guard lock(mutex_);
  return streams_.size();
}

std::size_t StreamManager::total_streams_created() const {
  const std::lock_guard lock(mutex_);
  return created_;
}

StreamPointer StreamManager::native(StreamRef stream) const {
  const std::lock_guard lock(mutex_);
  return find(stream)->get();
}

EventPointer StreamManager::native(EventRef event) const {
  const std::lock_guard lock(mutex_);
  return find(event)->get();
}

StreamManager::SharedStream StreamManager::find(StreamRef stream) const {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) {
    throw std::invalid_argument(fmt::format("stream {} is none of this manager's, or destroyed", stream.value));
  }
  return found->second;
}

StreamManager::SharedEvent StreamManager::find(EventRef event) const {
  const auto found = events_.find(event);
  if (found == events_.end()) {
    throw std::invalid_argument(fmt::format("event {} is none of this manager's, or destroyed", event.value));
  }
  return found->second;
}

void StreamManager::abandon() {
  const std::lock_guard lock(mutex_);
  for (const auto& [ref, stream] : streams_) {
    stream->abandon();
  }
  for (const auto& [ref, event] : events_) {
    event->abandon();
  }
  streams_.clear();
  events_.clear();
}

}  // namespace sublet::cuda
