#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/time.hpp"
#include "tests/chaos/burst.hpp"
#include "tests/chaos/record.hpp"

namespace sublet::chaos {

/// What went wrong since a fault began, until the next one did.
struct Verdict {
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  std::uint64_t wrong = 0;  ///< other bytes, or an error
  Nanos longest_pause{0};   ///< between two outputs
};

/// Compares what a burst's producers received with what they should. Pure.
class Judge {
 public:
  Judge(Burst burst, std::size_t faults) : burst_(burst), seen_(burst.chunks), verdicts_(faults + 1) {}

  /// A producer starts. Outputs that one before it received and had not handled when it was killed come again; the same one gets none
  /// twice.
  void begin_producer() { ++producer_; }
  /// The fault of that number strikes: the next verdict begins.
  void begin_fault(std::size_t fault, Instant now);
  void take(const Record& record, Instant now);

  /// Different chunks whose output came.
  [[nodiscard]] std::uint64_t received() const { return received_; }
  /// Outputs that came again, to the next producer.
  [[nodiscard]] std::uint64_t again() const { return again_; }
  [[nodiscard]] bool all_ended() const;

  /// [0]: before the first fault, [n]: since fault n. A lost chunk counts where the chunk of its job before it came. Once no more comes.
  [[nodiscard]] std::vector<Verdict> verdicts() const;
  /// In words: the first of them, and how the jobs ended otherwise than they should.
  [[nodiscard]] std::vector<std::string> complaints() const;

 private:
  struct Seen {
    std::uint32_t producer = 0;  ///< the last that received it; 0: none
    std::uint32_t fault = 0;
  };

  void take_output(const Record& record, Instant now);
  void complain(std::string text);
  [[nodiscard]] std::vector<std::uint64_t> lost() const;

  Burst burst_;
  std::vector<Seen> seen_;  ///< by place in the burst
  std::vector<Verdict> verdicts_;
  std::array<std::optional<JobEnd>, Burst::kJobs> ends_;
  std::vector<std::string> complaints_;
  std::uint32_t producer_ = 0;
  std::size_t fault_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t again_ = 0;
  std::optional<Instant> last_;
};

}  // namespace sublet::chaos
