#include <memory>

#include <nlohmann/json.hpp>

#include "producer/cli/kernel_report.hpp"
#include "producer/cli/listing.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

struct KernelArguments {
  std::string file;
  Format format;
};

ExitCode check_kernel(Environment& environment, const KernelArguments& arguments) {
  const auto json = wants_json(arguments.format);
  if (!json) return environment.console.complain(json.error());
  const auto report = report_on_module(arguments.file);
  if (!report) {
    // Whatever is wrong with it, it is wrong with the file that was named.
    environment.console.complain(report.error());
    return ExitCode::usage;
  }
  environment.console.print(*json ? json_line(report_json(*report, arguments.file))
                                  : report_text(*report, arguments.file, environment.console.width()));
  return report->refused_total == 0 ? ExitCode::ok : ExitCode::failed;
}

}  // namespace

void add_kernel(CLI::App& app, Action& chosen) {
  auto* group = add_verb(app, "kernel", "Look at kernels", "sublet kernel check kernels/video/video.ptx");
  group->require_subcommand(1);

  auto arguments = std::make_shared<KernelArguments>();
  auto* checked = add_verb(*group, "check", "List the kernels of a module, and what the cpu device cannot run of them",
                           "sublet kernel check kernels/video/video.ptx");
  checked->add_option("FILE", arguments->file, "PTX text, or CUDA C++ where NVRTC is installed")->type_name("")->required();
  add_format(*checked, arguments->format);
  checked->callback(
      [arguments, &chosen] { chosen = [arguments](Environment& environment) { return check_kernel(environment, *arguments); }; });
}

}  // namespace sublet::cli
