#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"

namespace sublet::cuda {

/// A card as the driver's management library sees it, without a context.
struct CardState {
  std::string name;
  std::string bus;  ///< its place on the PCI bus
  Bytes total;
  Bytes used;                 ///< by whomever
  unsigned busy_percent = 0;  ///< of the last moments in which a kernel ran
};

/// NVML, by dlopen: finds cards and looks at their memory. The only part of the driver that the agent uses.
class Nvml {
 public:
  /// `bad_argument`, with the remedy, where there is no NVIDIA driver.
  static Result<Nvml> load();
  Nvml(Nvml&&) noexcept;
  Nvml& operator=(Nvml&&) noexcept;
  ~Nvml();

  [[nodiscard]] Result<std::vector<CardState>> cards() const;
  [[nodiscard]] Result<CardState> card(const std::string& bus) const;
  /// What a process has of a card's memory; nothing where NVML does not know the process by that number, as in a container.
  [[nodiscard]] std::optional<Bytes> used_by(const std::string& bus, std::uint32_t process) const;

 private:
  struct Library;
  explicit Nvml(std::unique_ptr<Library> library);
  std::unique_ptr<Library> library_;
};

}  // namespace sublet::cuda
