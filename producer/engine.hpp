#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/error.hpp"
#include "common/io/random.hpp"
#include "common/io/wakeup.hpp"
#include "common/time.hpp"
#include "producer/client.hpp"
#include "producer/core/router.hpp"
#include "producer/places.hpp"
#include "producer/planes.hpp"

namespace sublet::producer {

using StatusCallback = std::function<void(const JobStatus&)>;
using AcceptedCallback = std::function<void(const AcceptedChunks&)>;

/// In place of a reader's id, for outputs that cannot be read here.
constexpr std::uint64_t kNoReader = 0;

/// One job, as its callers share it. Guarded by the engine's lock.
struct JobHandle {
  std::shared_ptr<KnownJob> state;
  std::shared_ptr<Places> places;   ///< of a job by reference; set before anybody else has the handle
  std::condition_variable moved;    ///< accepted, status, lost
  std::condition_variable outputs;  ///< outputs, ended, lost
  std::shared_ptr<const StatusCallback> on_status;
  std::shared_ptr<const AcceptedCallback> on_accepted;
};

/// Runs a Router: one thread owns the sockets, any number of callers wait for what it brings. Everything they share stands behind one
/// lock that is held for microseconds.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  /// Connected, or why not. The thread ends with the last copy of the returned pointer.
  static Result<std::shared_ptr<Engine>> connect(const ClientOptions& options);

  Engine(const ClientOptions& options, io::Wakeup wakeup);

  /// Asks, and waits for the answer as long as `call_timeout` allows.
  template <class Answer>
  Result<Answer> call(ShardNumber shard, wire::Plane plane, wire::Message question, std::optional<JobId> job = {},
                      std::optional<Blob> payload = {}, Blob* received = nullptr) {
    return as<Answer>(ask(shard, plane, std::move(question), job, std::move(payload), received));
  }
  /// Asks the shard where the job is.
  template <class Answer>
  Result<Answer> call_about(JobId job, wire::Plane plane, wire::Message question, std::optional<Blob> payload = {},
                            Blob* received = nullptr) {
    if (auto checked = check(job); !checked) return std::unexpected(std::move(checked.error()));
    return call<Answer>(shard_of(job), plane, std::move(question), job, std::move(payload), received);
  }
  /// Asks every shard, on control; answers in their order. Those that do not answer in time cost the time of one.
  template <class Answer>
  std::vector<Result<Answer>> call_all(const wire::Message& question) {
    std::vector<Result<Answer>> answers;
    for (auto& answer : ask_all(question)) answers.push_back(as<Answer>(std::move(answer)));
    return answers;
  }

  /// As the last welcome said.
  [[nodiscard]] Layout layout() const;
  /// `not_found` for a job of a shard that the cluster does not have.
  [[nodiscard]] Result<void> check(JobId job) const;

  /// The handle of that job, the same one for all who have it now.
  /// @param prepare  called under the lock, on the state it refers to
  std::shared_ptr<JobHandle> handle(JobId id, const std::function<void(KnownJob&)>& prepare = {});

  Result<void> submit(const JobHandle& job, ChunkId chunk, const Blob& payload);
  Result<void> submit(const JobHandle& job, ChunkId chunk, ByteView payload);
  Result<void> submit(const JobHandle& job, std::span<const Chunk> chunks);
  Result<void> submit(const JobHandle& job, std::span<const ChunkView> chunks);
  Result<void> flush(JobHandle& job, Millis timeout);
  Result<JobStatus> wait(JobHandle& job, Millis timeout, const StatusCallback& progress);
  void follow(JobHandle& job, Millis interval);
  void set_callback(JobHandle& job, StatusCallback callback);
  void set_callback(JobHandle& job, AcceptedCallback callback);

  /// What a reader of outputs needs of the connection.
  std::uint64_t open_reader(JobHandle& job);
  void close_reader(JobHandle& job, std::uint64_t reader);
  void take(JobHandle& job, std::uint64_t reader, Cursor cursor, Load load, bool now);
  struct Fetched {
    std::deque<OutputEntry> entries;
    bool last = false;  ///< no more come
  };
  /// Waits until there is at least one entry, or none will come.
  /// @param held  what the reader holds for want of an earlier chunk: the window is widened so that it can still come
  Result<Fetched> fetch(JobHandle& job, std::uint64_t reader, Load held, Millis timeout);

  [[nodiscard]] const ClientOptions& options() const { return options_; }
  std::uint64_t random();
  void interrupt(bool on);
  [[nodiscard]] bool is_interrupted() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  static void stop(const std::shared_ptr<Engine>& engine);
  Result<void> await_welcome();
  template <class Answer>
  static Result<Answer> as(Result<wire::Message> answer) {
    if (!answer) return std::unexpected(std::move(answer.error()));
    if (auto* expected = std::get_if<Answer>(&*answer)) return std::move(*expected);
    return fail(ErrorCode::protocol_error, "the broker's answer is of another kind than the question; check that both are of one version");
  }
  struct Asked {
    ShardNumber shard = 0;
    std::uint64_t request = 0;
  };
  Result<wire::Message> ask(ShardNumber shard, wire::Plane plane, wire::Message question, std::optional<JobId> job,
                            std::optional<Blob> payload, Blob* received);
  std::vector<Result<wire::Message>> ask_all(const wire::Message& question);
  Result<wire::Message> await_answer(Lock& lock, Asked asked, Instant deadline, Blob* received = nullptr);
  /// What a wait waits for.
  struct Wait {
    std::condition_variable& condition;
    std::optional<Instant> deadline;
    ShardNumber shard = 0;
  };
  static Wait wait_for(const JobHandle& job, std::condition_variable& condition, Millis timeout);
  template <class Ready>
  Result<void> wait_until(Lock& lock, const Wait& wait, Ready ready);
  Result<void> make_room(Lock& lock, const JobHandle& job, Load load);
  Result<void> check_size(const KnownJob& job, ChunkId chunk, std::size_t bytes) const;
  template <class Item>
  Result<void> submit_batch(const JobHandle& job, std::span<const Item> chunks);
  void release(const JobHandle& job);
  void wake(Lock& lock);
  [[nodiscard]] Error unanswered(ShardNumber shard) const;

  // The thread's side.
  void run();
  void dispatch(Changes changes, std::vector<std::function<void()>>& callbacks, std::vector<std::shared_ptr<JobHandle>>& keep);
  void feed(std::vector<Incoming> arrived);
  /// @return why the shards' sockets could not be opened, by shard
  std::vector<std::pair<ShardNumber, Error>> apply(std::vector<Router::ShardEffects> effects);
  void say_goodbye();

  const ClientOptions options_;
  io::Wakeup wakeup_;
  mutable std::mutex mutex_;
  io::SystemRandom random_;
  Router router_;
  std::condition_variable answered_;
  std::condition_variable room_;
  std::unordered_map<const KnownJob*, std::weak_ptr<JobHandle>> handles_;
  bool asleep_ = false;  ///< the thread waits on its sockets: new work has to wake it
  bool interrupted_ = false;
  bool stopping_ = false;
  std::thread::id thread_id_;
  std::thread thread_;
  std::optional<Planes> planes_;  ///< the thread's own
};

}  // namespace sublet::producer
