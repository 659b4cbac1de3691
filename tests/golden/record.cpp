// golden_record: runs every form and every kernel of the lists on a device, and writes what it answered for golden_test to compare with.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "gpu-worker/devices/cpu/device.hpp"
#include "gpu-worker/devices/cuda/device.hpp"
#include "tests/golden/run.hpp"

namespace sublet::golden {
namespace {

struct Options {
  std::string device = "cuda";
  std::string driver;
  std::filesystem::path folder;
};

/// Runs one thing after the other; what the device refuses is told and left out.
template <class Each>
std::size_t record_all(Device& device, const std::vector<Each>& things, auto name_of, Record& into) {
  std::size_t refused = 0;
  for (const Each& each : things) {
    try {
      into.outputs[name_of(each)] = run(device, each);
    } catch (const std::runtime_error& error) {
      into.outputs.erase(name_of(each));
      ++refused;
      std::cerr << "refused: " << name_of(each) << ": " << error.what() << "\n";
    }
  }
  return refused;
}

void write(const Options& options, std::string_view name, const Record& record) {
  const auto path = options.folder / fmt::format("{}.golden", name);
  std::ofstream(path) << to_text(record);
  std::cerr << path.string() << ": " << record.outputs.size() << "\n";
}

Result<std::unique_ptr<Device>> open(const std::string& kind) {
  if (kind == "cuda") return make_cuda_device({});
  return make_cpu_device({.total = 1_GiB, .threads = 1});
}

int record(const Options& options) {
  const auto device = open(options.device);
  if (!device) {
    std::cerr << to_text(device.error()) << "\n";
    return 1;
  }
  std::filesystem::create_directories(options.folder);
  const Origin origin{.card = (*device)->info().name,
                      .driver = options.driver,
                      .date = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::now()))};
  std::size_t refused = 0;
  for (const Family& family : families()) {
    Record made{.origin = origin};
    refused += record_all(**device, forms_of(family), [](const Form& form) { return form.name; }, made);
    write(options, family.name, made);
  }
  Record made{.origin = origin};
  refused += record_all(**device, kernel_cases(), [](const KernelCase& kernel) { return kernel.name(); }, made);
  write(options, "kernels", made);
  if (refused != 0) std::cerr << refused << " refused\n";
  return refused == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sublet::golden

int main(int argc, char** argv) {
  sublet::golden::Options options;
  CLI::App app("Records what a card answers, for golden_test");
  app.add_option("--device", options.device, "cuda, or cpu to try the lists")->check(CLI::IsMember({"cuda", "cpu"}))->capture_default_str();
  app.add_option("--driver", options.driver, "the driver's version, for the files' heads")->required();
  app.add_option("--out", options.folder, "the folder for the files")->required();
  CLI11_PARSE(app, argc, argv);
  return sublet::golden::record(options);
}
