#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "gpu-worker/device.hpp"

namespace sublet::test {

/// What a session was asked to do.
struct Asked {
  std::uint64_t syncs = 0;
  std::uint64_t passes = 0;
  std::uint64_t launches = 0;
  std::size_t longest_pass = 0;  ///< in launches
};

/// Counts what goes through it to another.
class WatchedSession : public Session {
 public:
  WatchedSession(std::unique_ptr<Session> session, Asked& asked) : session_(std::move(session)), asked_(&asked) {}

  Result<MemHandle> mem_alloc(Bytes size) override { return session_->mem_alloc(size); }
  Result<void> mem_free(MemHandle handle) override { return session_->mem_free(handle); }
  Result<void> mem_write(StreamId stream, MemHandle handle, std::uint64_t offset, ByteView bytes) override {
    return session_->mem_write(stream, handle, offset, bytes);
  }
  Result<void> mem_read(StreamId stream, MemHandle handle, std::uint64_t offset, std::span<std::byte> into) override {
    return session_->mem_read(stream, handle, offset, into);
  }
  Result<ModuleId> module_load(ByteView image) override { return session_->module_load(image); }
  Result<void> launch(StreamId stream, const Launch& launch) override { return session_->launch(stream, launch); }
  Result<void> pass(StreamId stream, const Passage& passage) override {
    ++asked_->passes;
    asked_->launches += passage.launches.size();
    asked_->longest_pass = std::max(asked_->longest_pass, passage.launches.size());
    return session_->pass(stream, passage);
  }
  Result<void> sync(StreamId stream) override {
    ++asked_->syncs;
    return session_->sync(stream);
  }
  Result<StreamId> stream_create() override { return session_->stream_create(); }
  void pin_host(std::span<std::byte> memory) override { session_->pin_host(memory); }
  void unpin_host(std::span<std::byte> memory) override { session_->unpin_host(memory); }
  [[nodiscard]] bool is_pinning_done() const override { return session_->is_pinning_done(); }
  [[nodiscard]] Bytes bytes_in_use() const override { return session_->bytes_in_use(); }
  [[nodiscard]] Bytes bytes_at_peak() const override { return session_->bytes_at_peak(); }

 private:
  std::unique_ptr<Session> session_;
  Asked* asked_;
};

/// Its sessions are watched.
class WatchedDevice : public Device {
 public:
  explicit WatchedDevice(std::unique_ptr<Device> device) : device_(std::move(device)) {}

  [[nodiscard]] const DeviceInfo& info() const override { return device_->info(); }
  Result<std::unique_ptr<Session>> open_session(const SessionOptions& options) override {
    auto session = device_->open_session(options);
    if (!session) return session;
    return std::make_unique<WatchedSession>(*std::move(session), asked_);
  }

  /// Of all of them.
  [[nodiscard]] const Asked& asked() const { return asked_; }

 private:
  std::unique_ptr<Device> device_;
  Asked asked_;
};

}  // namespace sublet::test
