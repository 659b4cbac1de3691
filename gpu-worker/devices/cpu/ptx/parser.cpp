#include "gpu-worker/devices/cpu/ptx/parser.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/ptx/body_parser.hpp"
#include "gpu-worker/devices/cpu/ptx/token_stream.hpp"

namespace sublet::cpu {

namespace {

constexpr std::uint32_t kMaxParameterBytes = 32'764;
constexpr std::uint64_t kMaxVariableBytes = 64ULL << 20U;
constexpr std::size_t kMaxVariables = 4096;
constexpr std::size_t kMaxParameters = 1024;
constexpr std::uint64_t kMaxAlign = 4096;

class ModuleParser {
 public:
  explicit ModuleParser(std::string_view source) : tokens_(source) {}

  Result<Module> parse() {
    if (!tokens_.at_directive(".version")) {
      tokens_.fail_here("the image is not PTX text: it does not begin with .version; this device takes PTX only (nvcc --ptx)");
    }
    while (!tokens_.at_end()) {
      statement();
    }
    if (tokens_.error()) {
      return std::unexpected(*tokens_.error());
    }
    return std::move(module_);
  }

 private:
  void statement() {
    if (tokens_.peek().kind != TokenKind::directive) {
      if (!tokens_.take_sign(';')) {
        tokens_.fail_here("expected a directive");
      }
      return;
    }
    const Token token = tokens_.take();
    if (token.text == ".version") {
      module_.version = tokens_.take().text;
    } else if (token.text == ".target") {
      target();
    } else if (token.text == ".address_size") {
      if (tokens_.expect_integer("the size of an address") != 64) {
        tokens_.fail(".address_size must be 64", token.line);
      }
    } else if (token.text == ".file" || token.text == ".loc") {
      tokens_.skip_line();
    } else if (token.text == ".section") {
      tokens_.skip_braces();
    } else if (token.text == ".pragma") {
      tokens_.skip_statement();
    } else if (token.text == ".entry") {
      entry();
    } else if (token.text == ".func") {
      function();
    } else if (token.text == ".global" || token.text == ".const") {
      variable();
    } else if (token.text == ".shared" || token.text == ".local") {
      refuse_variable(token);
    } else if (token.text == ".extern") {
      external_ = true;
      return;
    } else if (token.text != ".visible" && token.text != ".weak" && token.text != ".common") {
      module_.refuse({.what = fmt::format("directive {}", token.text.substr(0, 40)), .kernel = {}, .line = token.line});
      tokens_.skip_statement();
    }
    external_ = false;
  }

  void target() {
    module_.target = tokens_.expect_word("a target");
    while (tokens_.take_sign(',')) {
      tokens_.expect_word("a target");
    }
  }

  /// A function is only ever reached by `call`, which is refused where it stands; so its text is passed over.
  void function() {
    while (!tokens_.at_end() && !tokens_.at_sign(';') && !tokens_.at_sign('{')) {
      const Token token = tokens_.take();
      if (token.kind == TokenKind::word) {
        names_.refused.insert(token.text);
      }
    }
    if (tokens_.at_sign('{')) {
      tokens_.skip_braces();
    }
  }

  void refuse_variable(const Token& space) {
    std::string_view name;
    while (!tokens_.at_end() && !tokens_.at_sign(';')) {
      const Token token = tokens_.take();
      name = token.kind == TokenKind::word && name.empty() ? token.text : name;
    }
    names_.refused.insert(name);
    module_.refuse({.what = fmt::format("{} memory ({})", space.text.substr(1), name.substr(0, 80)), .kernel = {}, .line = space.line});
  }

  struct Declared {
    Type type = Type::none;
    std::uint32_t align = 0;
    std::string_view name;
    std::uint64_t count = 1;
    bool array = false;
  };

  /// ".align 16 .b8 name[48]", ".u64 .ptr .global .align 1 name", ".v4 .f32 name"
  Declared declared(std::string_view what) {
    Declared made;
    std::uint64_t vector = 1;
    bool pointer = false;
    while (tokens_.peek().kind == TokenKind::directive) {
      const Token token = tokens_.take();
      if (token.text == ".align") {
        const std::uint64_t align = tokens_.expect_integer("an alignment");
        if (!std::has_single_bit(align) || align > kMaxAlign) {
          tokens_.fail(fmt::format("the alignment of {} must be a power of two up to {}", what, kMaxAlign), token.line);
        }
        // Behind .ptr stands what the pointer points to, not the parameter.
        made.align = pointer ? made.align : static_cast<std::uint32_t>(align);
      } else if (token.text == ".ptr") {
        pointer = true;
      } else if (token.text == ".v2" || token.text == ".v4") {
        vector = token.text == ".v2" ? 2 : 4;
      } else if (const auto type = type_named(token.text.substr(1)); type && *type != Type::pred) {
        made.type = *type;
      } else if (!pointer && token.text != ".attribute") {
        tokens_.fail(fmt::format("{} of type {} is not supported by the cpu device", what, token.text.substr(0, 40)), token.line);
      }
    }
    made.name = tokens_.expect_word("a name");
    made.count = vector;
    while (tokens_.take_sign('[')) {
      const std::uint64_t size = tokens_.at_sign(']') ? 0 : tokens_.expect_integer("a size");
      tokens_.expect_sign(']', "a size");
      made.array = true;
      if (__builtin_mul_overflow(made.count, size, &made.count)) {
        tokens_.fail_here(fmt::format("{} is too large", what));
      }
    }
    if (made.type == Type::none) {
      tokens_.fail_here(fmt::format("{} has no type", what));
    }
    made.align = std::max(made.align, width_of(made.type) * static_cast<std::uint32_t>(vector));
    return made;
  }

  void entry() {
    const std::uint32_t line = tokens_.peek().line;
    Kernel kernel;
    kernel.name = tokens_.expect_word("a kernel's name");
    if (!kernel_names_.insert(kernel.name).second) {
      tokens_.fail(fmt::format("kernel \"{}\" is defined twice", kernel.name.substr(0, 80)), line);
    }
    if (tokens_.take_sign('(') && !tokens_.take_sign(')')) {
      do {
        parameter(kernel);
      } while (tokens_.take_sign(','));
      tokens_.expect_sign(')', "the kernel's parameters");
    }
    while (tokens_.peek().kind == TokenKind::directive) {
      performance_directive(kernel);
    }
    if (tokens_.take_sign(';')) {
      return;
    }
    BodyParser(tokens_, module_, names_, kernel).parse();
    module_.kernels.push_back(std::move(kernel));
  }

  void parameter(Kernel& kernel) {
    const std::uint32_t line = tokens_.peek().line;
    if (!tokens_.take_directive(".param")) {
      tokens_.fail_here("expected .param");
      return;
    }
    const Declared made = declared("a parameter");
    const std::uint64_t size = made.count * width_of(made.type);
    const std::uint64_t align = std::max<std::uint32_t>(made.align, 1);
    const std::uint64_t offset = (kernel.parameter_bytes + align - 1) / align * align;
    if (tokens_.failed()) {
      return;
    }
    if (kernel.parameters.size() == kMaxParameters || made.count > kMaxParameterBytes || offset + size > kMaxParameterBytes) {
      tokens_.fail(fmt::format("the parameters of kernel \"{}\" are more than {} or take more than {} bytes", kernel.name, kMaxParameters,
                               kMaxParameterBytes),
                   line);
      return;
    }
    if (std::ranges::any_of(kernel.parameters, [&](const Parameter& other) { return other.name == made.name; })) {
      tokens_.fail(fmt::format("parameter \"{}\" is declared twice", made.name.substr(0, 80)), line);
      return;
    }
    kernel.parameters.push_back(
        {.name = std::string(made.name), .offset = static_cast<std::uint32_t>(offset), .size = static_cast<std::uint32_t>(size)});
    kernel.parameter_bytes = static_cast<std::uint32_t>(offset + size);
  }

  std::array<std::uint32_t, 3> extent() {
    std::array<std::uint32_t, 3> made = {1, 1, 1};
    for (std::size_t i = 0; i < 3; ++i) {
      if (i != 0 && !tokens_.take_sign(',')) {
        break;
      }
      made[i] = static_cast<std::uint32_t>(std::min<std::uint64_t>(tokens_.expect_integer("a number of threads"), 1U << 20U));
    }
    return made;
  }

  void performance_directive(Kernel& kernel) {
    const Token token = tokens_.take();
    if (token.text == ".reqntid") {
      kernel.required_threads = extent();
    } else if (token.text == ".maxntid") {
      kernel.maximum_threads = extent();
    } else if (token.text == ".minnctapersm" || token.text == ".maxnctapersm" || token.text == ".maxnreg") {
      tokens_.expect_integer("a number");
    } else if (token.text == ".pragma") {
      tokens_.skip_statement();
    } else if (token.text != ".noreturn") {
      module_.refuse({.what = fmt::format("directive {}", token.text.substr(0, 40)), .kernel = kernel.name, .line = token.line});
      while (!tokens_.at_end() && tokens_.peek().kind != TokenKind::directive && !tokens_.at_sign('{') && !tokens_.at_sign(';')) {
        tokens_.take();
      }
    }
  }

  void variable() {
    const std::uint32_t line = tokens_.peek().line;
    Declared made = declared("a variable");
    if (tokens_.failed()) {
      return;
    }
    Variable variable{
        .name = std::string(made.name), .size = made.count * width_of(made.type), .align = std::max(made.align, 1U), .initial = {}};
    if (tokens_.take_sign('=')) {
      initial_values(variable, made);
    }
    tokens_.expect_sign(';', "a variable");
    if (tokens_.failed()) {
      return;
    }
    if (external_ || variable.size == 0) {
      module_.refuse(
          {.what = fmt::format("variable \"{}\" that another module defines", made.name.substr(0, 80)), .kernel = {}, .line = line});
      names_.refused.insert(made.name);
      return;
    }
    if (made.count > kMaxVariableBytes || variable.size > kMaxVariableBytes || module_.variables.size() == kMaxVariables) {
      tokens_.fail("the module's variables are too many or too large", line);
      return;
    }
    if (!names_.variables.try_emplace(made.name, static_cast<std::uint32_t>(module_.variables.size())).second) {
      tokens_.fail(fmt::format("variable \"{}\" is defined twice", made.name.substr(0, 80)), line);
      return;
    }
    module_.variables.push_back(std::move(variable));
  }

  void initial_values(Variable& into, Declared& made) {
    const bool list = tokens_.take_sign('{');
    do {
      const bool inner = list && tokens_.take_sign('{');
      initial_value(into, made.type);
      if (inner) {
        while (tokens_.take_sign(',')) {
          initial_value(into, made.type);
        }
        tokens_.expect_sign('}', "initial values");
      }
    } while (list && tokens_.take_sign(','));
    if (list) {
      tokens_.expect_sign('}', "initial values");
    }
    if (made.array && made.count == 0) {
      made.count = into.initial.size() / width_of(made.type);
      into.size = into.initial.size();
    }
    if (into.initial.size() > into.size) {
      tokens_.fail_here(fmt::format("variable \"{}\" has more initial values than elements", into.name.substr(0, 80)));
    }
  }

  void initial_value(Variable& into, Type type) {
    const bool minus = tokens_.take_sign('-');
    const Token token = tokens_.take();
    std::uint64_t bits = token.bits;
    if (token.kind == TokenKind::float64 && type == Type::f32) {
      bits = std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(bits)));
    }
    if (token.kind == TokenKind::integer) {
      bits = minus ? 0 - bits : bits;
    } else if (token.kind == TokenKind::float32 || token.kind == TokenKind::float64) {
      bits ^= minus ? 1ULL << (width_of(type) * 8 - 1) : 0;
    } else {
      tokens_.fail(
          fmt::format("the initial value of \"{}\" is not a number; addresses in initial values are not supported by the cpu device",
                      into.name.substr(0, 80)),
          token.line);
      return;
    }
    std::array<std::byte, 8> bytes{};
    std::memcpy(bytes.data(), &bits, bytes.size());
    into.initial.insert(into.initial.end(), bytes.begin(), bytes.begin() + width_of(type));
  }

  TokenStream tokens_;
  Module module_;
  ModuleNames names_;
  std::unordered_set<std::string> kernel_names_;
  bool external_ = false;
};

}  // namespace

Result<Module> parse_module(std::string_view source) { return ModuleParser(source).parse(); }

}  // namespace sublet::cpu
