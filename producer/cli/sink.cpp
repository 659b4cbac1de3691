#include "producer/cli/sink.hpp"

#include <fmt/format.h>

#include "producer/cli/summary.hpp"

namespace sublet::cli {
namespace {

namespace fs = std::filesystem;

class FolderSink final : public OutputSink {
 public:
  explicit FolderSink(OutputFolder folder) : folder_(std::move(folder)) {}

  Result<void> take(const std::string& name, ByteView output) override { return folder_.write(name, output); }
  [[nodiscard]] bool has(const std::string& name) const override {
    std::error_code problem;
    return fs::is_regular_file(folder_.path() / name, problem);
  }
  [[nodiscard]] std::string place() const override { return folder_.path().string(); }

 private:
  OutputFolder folder_;
};

class FileSink final : public OutputSink {
 public:
  explicit FileSink(WholeFile file) : file_(std::move(file)) {}

  [[nodiscard]] Order order() const override { return Order::chunk_id; }
  Result<void> take(const std::string& /*name*/, ByteView output) override { return file_.append(output); }
  Result<void> finish() override { return file_.finish(); }
  [[nodiscard]] bool has(const std::string& /*name*/) const override { return false; }
  [[nodiscard]] std::string place() const override { return file_.path().string(); }

 private:
  WholeFile file_;
};

/// The broker keeps the value; there is nothing to write here.
class ValueSink final : public OutputSink {
 public:
  Result<void> take(const std::string& /*name*/, ByteView /*output*/) override { return {}; }
  [[nodiscard]] bool has(const std::string& /*name*/) const override { return true; }
  [[nodiscard]] std::string place() const override { return ""; }
};

template <class Sink, class Opened>
Result<std::unique_ptr<OutputSink>> wrap(Result<Opened> opened) {
  if (!opened) return std::unexpected(opened.error());
  return std::make_unique<Sink>(std::move(*opened));
}

}  // namespace

Result<std::unique_ptr<OutputSink>> open_sink(AggregateKind aggregate, const std::string& out) {
  const bool folder = aggregate == AggregateKind::collect;
  const bool file = aggregate == AggregateKind::concat;
  if (!folder && !file) {
    if (out.empty()) return std::make_unique<ValueSink>();
    return fail(ErrorCode::bad_argument, fmt::format("--aggregate {} writes no files; leave --out away", name_of(aggregate)));
  }
  if (out.empty()) {
    return fail(ErrorCode::bad_argument, fmt::format("--out is missing; say where the outputs go: --out {}", folder ? "DIR" : "FILE"));
  }
  if (folder) return wrap<FolderSink>(OutputFolder::open(out));
  std::error_code problem;
  if (fs::is_directory(out, problem)) {
    return fail(ErrorCode::bad_argument, fmt::format("--out {} is a folder; concat writes one file: --out FILE", out));
  }
  return wrap<FileSink>(WholeFile::create(out));
}

}  // namespace sublet::cli
