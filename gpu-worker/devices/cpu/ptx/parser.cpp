#include "gpu-worker/devices/cpu/ptx/parser.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/ptx/body_parser.hpp"
#include "gpu-worker/devices/cpu/ptx/declaration.hpp"
#include "gpu-worker/devices/cpu/ptx/initial_values.hpp"
#include "gpu-worker/devices/cpu/ptx/token_stream.hpp"

namespace sublet::cpu {

namespace {

constexpr std::uint32_t kMaxParameterBytes = 32'764;
constexpr std::uint64_t kMaxVariableBytes = 64ULL << 20U;
constexpr std::size_t kMaxVariables = 4096;
constexpr std::size_t kMaxParameters = 1024;
constexpr std::size_t kMaxFunctions = 4096;

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
    initial_values_.resolve(module_, names_);
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
    } else if (token.text == ".shared") {
      shared_variable();
    } else if (token.text == ".local") {
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

  /// ".func (.param .b32 result) name (.param .b32 a) { … }", or ";" where it is only declared.
  void function() {
    const std::uint32_t line = tokens_.peek().line;
    Function made;
    std::vector<std::string_view> formals;
    if (tokens_.take_sign('(')) {
      made.signature.results = read_formals(tokens_, made.signature.bytes, formals);
    }
    const std::string_view name = tokens_.expect_word("a function's name");
    made.name = name;
    if (tokens_.take_sign('(')) {
      made.signature.arguments = read_formals(tokens_, made.signature.bytes, formals);
    }
    while (tokens_.peek().kind == TokenKind::directive) {
      performance_directive(made);
    }
    if (module_.functions.size() == kMaxFunctions) {
      tokens_.fail(fmt::format("more than {} functions", kMaxFunctions), line);
    }
    if (tokens_.failed()) {
      return;
    }
    const auto [found, added] = names_.functions.try_emplace(name, static_cast<std::uint32_t>(module_.functions.size()));
    const std::uint32_t index = found->second;
    if (added) {
      module_.functions.push_back(made);
    }
    if (tokens_.take_sign(';')) {
      return;
    }
    if (module_.functions[index].defined || module_.functions[index].signature != made.signature) {
      tokens_.fail(fmt::format("function \"{}\" is defined twice, or otherwise than declared", name.substr(0, 80)), line);
      return;
    }
    made.locals = made.signature.results;
    made.locals.insert(made.locals.end(), made.signature.arguments.begin(), made.signature.arguments.end());
    made.frame_bytes = made.signature.bytes;
    BodyParser(tokens_, module_, names_, made, formals).parse();
    made.defined = true;
    made.address_taken = module_.functions[index].address_taken;
    module_.functions[index] = std::move(made);
  }

  void shared_variable() {
    const std::uint32_t line = tokens_.peek().line;
    const Declared made = read_declaration(tokens_, "a shared variable");
    tokens_.expect_sign(';', "a shared variable");
    if (made.size() > kMostSharedBytes || module_.shared.size() == kMaxVariables) {
      tokens_.fail("the shared variables are too many or too large", line);
      return;
    }
    names_.shared.try_emplace(made.name, static_cast<std::uint32_t>(module_.shared.size()));
    const bool dynamic = made.array && made.count == 0;
    module_.shared.push_back({.size = static_cast<std::uint32_t>(made.size()), .align = made.align, .dynamic = dynamic});
  }

  /// Only functions have their own, inside of them.
  void refuse_variable(const Token& space) {
    const Declared made = read_declaration(tokens_, "a variable");
    tokens_.expect_sign(';', "a variable");
    names_.refused.insert(made.name);
    module_.refuse({.what = fmt::format("{} memory outside of a function ({})", space.text.substr(1), made.name.substr(0, 80)),
                    .kernel = {},
                    .line = space.line});
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
    const Declared made = read_declaration(tokens_, "a parameter");
    const std::uint64_t size = made.size();
    const std::uint64_t align = std::max<std::uint32_t>(made.align, 1);
    const std::uint64_t offset = aligned_up(kernel.parameter_bytes, align);
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
    kernel.parameters.push_back({.name = std::string(made.name),
                                 .offset = static_cast<std::uint32_t>(offset),
                                 .size = static_cast<std::uint32_t>(size),
                                 .type = made.type,
                                 .array = made.array,
                                 .pointer = made.pointer});
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
    Declared made = read_declaration(tokens_, "a variable");
    if (tokens_.failed()) {
      return;
    }
    Variable variable{
        .name = std::string(made.name), .size = made.size(), .align = std::max(made.align, 1U), .initial = {}, .addresses = {}};
    if (tokens_.take_sign('=')) {
      initial_values_.read(variable, made, static_cast<std::uint32_t>(module_.variables.size()));
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

  TokenStream tokens_;
  Module module_;
  ModuleNames names_;
  InitialValues initial_values_{tokens_};
  std::unordered_set<std::string> kernel_names_;
  bool external_ = false;
};

}  // namespace

Result<Module> parse_module(std::string_view source) { return ModuleParser(source).parse(); }

}  // namespace sublet::cpu
