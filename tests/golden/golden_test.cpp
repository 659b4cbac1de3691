// The CPU device against a card, without the card: forms and kernels on their recorded inputs give what the card gave, to the bit, or as
// near as the PTX ISA asks where it leaves a result open.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <set>

#include <gtest/gtest.h>

#include "gpu-worker/devices/cpu/device.hpp"
#include "tests/golden/run.hpp"
#include "tests/support/source.hpp"

namespace sublet::golden {

void PrintTo(const Family& family, std::ostream* out) { *out << family.name; }

namespace {

constexpr std::size_t kLeastForms = 400;
constexpr std::size_t kLeastKernels = 30;
/// Of the differences of one form.
constexpr std::size_t kMostShown = 4;

Record record_of(std::string_view family) {
  std::ifstream file(test::source(fmt::format("tests/golden/data/{}.golden", family)));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_FALSE(text.empty()) << "no golden results of " << family << ": record them with ./dev golden on a machine with a card";
  const auto record = read_record(text);
  EXPECT_TRUE(record) << to_text(record.error());
  return record ? *record : Record{};
}

std::set<std::string> names_of(const Record& record) {
  std::set<std::string> made;
  for (const auto& [name, outputs] : record.outputs) made.insert(name);
  return made;
}

template <class Each>
void expect_same_names(const std::set<std::string>& recorded, const std::vector<Each>& listed, auto name_of) {
  std::set<std::string> names;
  for (const Each& each : listed) {
    EXPECT_TRUE(names.insert(name_of(each)).second) << "listed twice: " << name_of(each);
    EXPECT_TRUE(recorded.contains(name_of(each))) << "not recorded: " << name_of(each);
  }
  for (const std::string& each : recorded) EXPECT_TRUE(names.contains(each)) << "recorded, and in no list: " << each;
}

const auto kFormName = [](const Form& form) { return form.name; };
const auto kKernelName = [](const KernelCase& kernel) { return kernel.name(); };

/// One result against the card's; `at` tells where an element comes from.
void expect_near(const Output& got, const Output& wanted, Meaning meaning, const Bound& bound, auto at) {
  ASSERT_EQ(got.bytes, wanted.bytes);
  ASSERT_EQ(got.hashed, wanted.hashed);
  ASSERT_EQ(got.elements.size(), wanted.elements.size());
  std::size_t different = 0;
  for (std::size_t i = 0; i < got.elements.size(); ++i) {
    if (is_within(bound, meaning, got.elements[i], wanted.elements[i])) continue;
    if (++different <= kMostShown) ADD_FAILURE() << fmt::format("{}: {:#x}, the card's {:#x}", at(i), got.elements[i], wanted.elements[i]);
  }
  if (different > kMostShown) ADD_FAILURE() << different << " of " << got.elements.size() << " differ";
}

/// The CPU device with the interpreter alone, and with native code wherever it can be.
std::vector<std::unique_ptr<Device>> devices() {
  std::vector<std::unique_ptr<Device>> made;
  for (const cpu::NativeUse native : {cpu::NativeUse::never, cpu::NativeUse::always}) {
    made.push_back(make_cpu_device({.total = 64_MiB, .threads = 1, .native = native}));
  }
  return made;
}

void expect_near(const std::vector<Output>& outputs, const std::vector<Output>& recorded, const Form& form) {
  ASSERT_EQ(outputs.size(), recorded.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    expect_near(outputs[i], recorded[i], form.results[i].meaning(), form.bound, [&](std::size_t lane) {
      std::string made = fmt::format("lane {}", lane);
      for (std::size_t k = 0; k < form.sources.size(); ++k)
        made += fmt::format(" {:#x}", values_of(form.sources[k], k, form.sources.size())[lane]);
      return made;
    });
  }
}

class GoldenFormsOf : public ::testing::TestWithParam<Family> {
 protected:
  std::vector<std::unique_ptr<Device>> devices_ = devices();
  Record record_ = record_of(GetParam().name);
};

TEST_P(GoldenFormsOf, AreThoseOfTheList) { expect_same_names(names_of(record_), forms_of(GetParam()), kFormName); }

TEST_P(GoldenFormsOf, GiveWhatTheCardGave) {
  for (const Form& form : forms_of(GetParam())) {
    const auto recorded = record_.outputs.find(form.name);
    if (recorded == record_.outputs.end()) continue;
    SCOPED_TRACE(form.name);
    for (const auto& device : devices_) expect_near(run(*device, form), recorded->second, form);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenFormsOf, ::testing::ValuesIn(families()),
                         [](const auto& given) { return std::string(given.param.name); });

TEST(GoldenForms, AreEnough) {
  std::set<std::string> opcodes;
  for (const Family& family : families()) {
    const Record record = record_of(family.name);
    for (const Form& form : forms_of(family)) {
      if (record.outputs.contains(form.name)) opcodes.insert(form.opcode);
    }
  }
  EXPECT_GE(opcodes.size(), kLeastForms);
}

class GoldenKernels : public ::testing::Test {
 protected:
  std::vector<std::unique_ptr<Device>> devices_ = devices();
  Record record_ = record_of("kernels");
};

TEST_F(GoldenKernels, AreThoseOfTheListAndEnough) {
  expect_same_names(names_of(record_), kernel_cases(), kKernelName);
  EXPECT_GE(record_.outputs.size(), kLeastKernels);
}

/// The names behind ".entry" in every module of kernels/.
std::set<std::string> shipped_kernels() {
  constexpr std::string_view kEntry = ".entry ";
  std::set<std::string> made;
  for (const auto& each : std::filesystem::recursive_directory_iterator(test::source("kernels"))) {
    if (each.path().extension() != ".ptx") continue;
    std::ifstream file(each.path());
    for (std::string line; std::getline(file, line);) {
      const std::size_t at = line.find(kEntry);
      if (at != std::string::npos) made.insert(line.substr(at + kEntry.size(), line.find('(', at) - at - kEntry.size()));
    }
  }
  return made;
}

TEST_F(GoldenKernels, AreAllOfTheReadyPipelines) {
  std::set<std::string> listed;
  for (const KernelCase& each : shipped_cases()) listed.insert(each.kernel);
  EXPECT_EQ(listed, shipped_kernels());
}

/// What a kernel leaves against what the card left.
void expect_the_cards(Device& device, const KernelCase& kernel, const std::vector<Output>& recorded) {
  const auto outputs = run(device, kernel);
  ASSERT_EQ(outputs.size(), recorded.size());
  std::size_t i = 0;
  for (const Argument& each : kernel.arguments) {
    if (each.element == 0) continue;
    expect_near(outputs[i], recorded[i], each.meaning, each.bound,
                [&](std::size_t element) { return fmt::format("result {}, element {}", i, element); });
    ++i;
  }
}

TEST_F(GoldenKernels, GiveWhatTheCardGave) {
  for (const KernelCase& kernel : kernel_cases()) {
    const auto recorded = record_.outputs.find(kernel.name());
    if (recorded == record_.outputs.end()) continue;
    SCOPED_TRACE(kernel.name());
    for (const auto& device : devices_) expect_the_cards(*device, kernel, recorded->second);
  }
}

/// The same kernel as nvcc's other code generator writes it, which is the default from sm_100 on.
std::string other_file(const std::string& file) {
  constexpr std::string_view kThis = ".sm_75.ptx";
  if (file.ends_with(kThis)) return file.substr(0, file.size() - kThis.size()) + ".sm_120.ptx";
  return "tests/golden/ptx/" + std::filesystem::path(file).stem().string() + ".sm_120.ptx";
}

TEST_F(GoldenKernels, OfTheOtherCodeGeneratorGiveWhatTheCardGave) {
  std::size_t compared = 0;
  for (const auto& cases : {shipped_cases(), small_cases(), corpus_cases("sm_75")}) {
    for (KernelCase kernel : cases) {
      const auto recorded = record_.outputs.find(kernel.name());
      ASSERT_NE(recorded, record_.outputs.end()) << kernel.name();
      kernel.file = other_file(kernel.file);
      SCOPED_TRACE(kernel.name());
      for (const auto& device : devices_) expect_the_cards(*device, kernel, recorded->second);
      ++compared;
    }
  }
  EXPECT_GE(compared, kLeastKernels);
}

}  // namespace
}  // namespace sublet::golden
