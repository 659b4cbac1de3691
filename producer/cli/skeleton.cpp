#include "producer/cli/skeleton.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "common/pipeline/argument.hpp"
#include "common/pipeline/pipeline.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

constexpr std::uint32_t kUsualBlock = 256;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// `video` of `folder/video.ptx`, with _ for what a name cannot have.
std::string name_from(std::string_view file) {
  std::string name = std::filesystem::path(file).stem().string().substr(0, PipelineLimits::kNameLength);
  std::ranges::replace_if(name, [](char c) { return !is_letter(c) && !is_digit(c); }, '_');
  return name.empty() ? "module" : name;
}

std::string yaml_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\x{:02x}", c);
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

/// How a pipeline passes such a number; nothing for a struct.
std::optional<std::string> number_type(const KernelParameter& parameter) {
  if (parameter.type == "f32" || parameter.type == "f64") return parameter.type;
  if (parameter.bytes != 1 && parameter.bytes != 2 && parameter.bytes != 4 && parameter.bytes != 8) return std::nullopt;
  return fmt::format("{}{}", parameter.type.starts_with('s') ? 'i' : 'u', 8 * parameter.bytes);
}

class Skeleton {
 public:
  explicit Skeleton(const ModuleReport& report) {
    for (const auto& kernel : report.kernels) add(kernel);
    if (buffers_.empty()) add_buffer("data", "n", "no kernel takes a pointer");
    if (input_.empty()) input_ = first_buffer_;
    if (output_.empty()) output_ = first_buffer_;
  }

  [[nodiscard]] std::string text(std::string_view file, std::string_view module) const {
    const auto name = name_from(file);
    auto text = fmt::format(
        "# From the kernels of {}. What is a guess says so; docs/pipelines.md explains every key.\n"
        "# Explain what it does with: sublet pipeline check FILE --bytes 1MiB\n\n"
        "name: {}\nmodules: {{{}: {}}}\n",
        printable(file), name, name, yaml_text(module));
    if (!parameters_.empty())
      text += "\n# Numbers that kernels take; fill them in, or write an expression with n in place of one.\nparameters:\n" + parameters_;
    text +=
        "\n# Memory on the card, in bytes; n is the length of a chunk. Guess: as many elements as the input has.\nbuffers:\n" + buffers_;
    text += fmt::format("\ninput: {}\n", input_);
    if (!stages_.empty()) {
      text += "\n# Guess: in the order of the module, one thread for each element, each on what the one before wrote.\nstages:\n" + stages_;
    }
    if (!left_out_.empty()) text += "\n" + left_out_;
    return text + fmt::format("\noutput: {}\n", output_);
  }

 private:
  void add(const KernelReport& kernel) {
    if (const auto reason = why_not(kernel)) {
      left_out_ += fmt::format("# Left out: kernel {}, {}.\n", printable(kernel.name), *reason);
      return;
    }
    ++stage_;
    std::string args;
    const auto before = written_;
    bool chained = false;
    for (std::size_t i = 0; i < kernel.parameters.size(); ++i) {
      const auto& parameter = kernel.parameters[i];
      args += args.empty() ? "" : ", ";
      if (!parameter.pointer) {
        args += add_number(kernel, parameter, i);
        continue;
      }
      const bool takes_over = !chained && !before.empty() && parameter.read && !parameter.written;
      chained = chained || takes_over;
      args += takes_over ? before : add_pointer(kernel, parameter, i);
    }
    if (!written_.empty()) output_ = written_;
    stages_ += fmt::format("  - kernel: {}\n{}    args: [{}]\n", yaml_text(kernel.name), extent_of(kernel), args);
  }

  [[nodiscard]] std::optional<std::string> why_not(const KernelReport& kernel) const {
    const auto structure = std::ranges::find_if(kernel.parameters, [](const auto& each) { return !each.pointer && !number_type(each); });
    if (structure != kernel.parameters.end()) {
      return fmt::format("whose parameter {} has {} bytes, and a pipeline passes numbers of 1, 2, 4 or 8", printable(structure->name),
                         structure->bytes);
    }
    if (kernel.parameters.size() > PipelineLimits::kArguments) return fmt::format("which takes more than {}", PipelineLimits::kArguments);
    const auto pointers = static_cast<std::size_t>(std::ranges::count_if(kernel.parameters, &KernelParameter::pointer));
    const auto numbers = kernel.parameters.size() - pointers;
    const bool fits = stage_ < PipelineLimits::kStages && buffer_count_ + pointers <= PipelineLimits::kBuffers &&
                      parameter_count_ + numbers <= PipelineLimits::kParameters;
    return fits ? std::nullopt : std::optional<std::string>("since a pipeline is full before it");
  }

  /// The parameter's own name where a pipeline may use it.
  std::string name_for(const KernelParameter& parameter, std::size_t index) {
    constexpr std::array<std::string_view, 5> kTaken = {"n", "min", "max", "ceil_div", "data"};
    const auto& name = parameter.name;
    const bool usable = !name.empty() && name.size() <= PipelineLimits::kNameLength && is_letter(name[0]) &&
                        std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); }) &&
                        std::ranges::find(kTaken, name) == kTaken.end() && !parse_argument_type(name) && name != "buffer";
    auto made = usable ? name : fmt::format("stage{}_{}", stage_, index);
    while (!names_.insert(made).second) made = fmt::format("stage{}_{}_{}", stage_, index, names_.size());
    return made;
  }

  std::string add_number(const KernelReport& kernel, const KernelParameter& parameter, std::size_t index) {
    const auto name = name_for(parameter, index);
    ++parameter_count_;
    parameters_ += fmt::format("  {}: 0  # {} of {}\n", name, printable(parameter.type), printable(kernel.name));
    return fmt::format("{} {}", *number_type(parameter), name);
  }

  std::string add_pointer(const KernelReport& kernel, const KernelParameter& parameter, std::size_t index) {
    const auto name = name_for(parameter, index);
    if (input_.empty() && parameter.read) {
      input_ = name;
      input_element_ = std::max(parameter.element_bytes, 1U);
    }
    if (parameter.written) written_ = name;
    const auto what = parameter.read && parameter.written ? "read and written"
                      : parameter.written                 ? "written"
                      : parameter.read                    ? "read"
                                                          : "used";
    const auto each = parameter.element_bytes == 0 ? "" : fmt::format(", in elements of {} B", parameter.element_bytes);
    add_buffer(name, size_of(parameter), fmt::format("{} by {}{}", what, printable(kernel.name), each));
    return name;
  }

  void add_buffer(const std::string& name, const std::string& bytes, const std::string& comment) {
    if (buffer_count_++ == 0) first_buffer_ = name;
    buffers_ += fmt::format("  {}: {}  # {}\n", name, bytes, comment);
  }

  [[nodiscard]] std::string size_of(const KernelParameter& parameter) const {
    if (parameter.element_bytes == 0 || parameter.element_bytes == input_element_) return "n";
    return input_element_ == 1 ? fmt::format("n * {}", parameter.element_bytes)
                               : fmt::format("n / {} * {}", input_element_, parameter.element_bytes);
  }

  [[nodiscard]] std::string extent_of(const KernelReport& kernel) const {
    if (kernel.required_threads) {
      const auto [x, y, z] = *kernel.required_threads;
      if (y != 1 || z != 1) return fmt::format("    grid: [1, 1, 1]\n    block: [{}, {}, {}]  # .reqntid\n", x, y, z);
    }
    const auto& most = kernel.required_threads ? kernel.required_threads : kernel.maximum_threads;
    const auto threads = most ? std::min<std::uint64_t>(std::uint64_t{(*most)[0]} * (*most)[1] * (*most)[2], kUsualBlock) : kUsualBlock;
    const auto block = kernel.required_threads ? (*kernel.required_threads)[0] : std::max<std::uint64_t>(threads, 1);
    return fmt::format("    over: {}\n    block: {}\n", input_element_ == 1 ? "n" : fmt::format("n / {}", input_element_), block);
  }

  std::string parameters_;
  std::string buffers_;
  std::string stages_;
  std::string left_out_;
  std::string input_;
  std::string output_;
  std::string written_;  ///< last
  std::string first_buffer_;
  std::set<std::string> names_;
  std::uint32_t input_element_ = 1;
  std::size_t stage_ = 0;
  std::size_t buffer_count_ = 0;
  std::size_t parameter_count_ = 0;
};

}  // namespace

std::string skeleton_pipeline(const ModuleReport& report, std::string_view file, std::string_view module) {
  return Skeleton(report).text(file, module);
}

}  // namespace sublet::cli
