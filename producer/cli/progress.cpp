#include "producer/cli/progress.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

constexpr std::size_t kWidestBar = 30;
constexpr std::size_t kNarrowestBar = 6;

std::uint64_t ended(const ProgressView& view) { return std::min(view.done + view.failed, view.total); }

double fraction(const ProgressView& view) {
  return view.total == 0 ? 1.0 : static_cast<double>(ended(view)) / static_cast<double>(view.total);
}

double chunks_per_second(const ProgressView& view) {
  const auto seconds = std::chrono::duration<double>(view.elapsed).count();
  return seconds > 0 ? static_cast<double>(ended(view)) / seconds : 0.0;
}

/// Rounded down, so that 100% means that everything is there.
int percent(const ProgressView& view) { return static_cast<int>(fraction(view) * 100.0); }

std::string rate_text(const ProgressView& view) {
  const double rate = chunks_per_second(view);
  return rate >= 100 ? fmt::format("{} chunks/s", count_text(static_cast<std::uint64_t>(rate))) : fmt::format("{:.1f} chunks/s", rate);
}

std::string bar(double part, std::size_t cells) {
  const auto filled = std::min(cells, static_cast<std::size_t>(part * static_cast<double>(cells)));
  std::string text(filled, '=');
  if (filled < cells) text += '>';
  text.resize(cells, ' ');
  return '[' + text + ']';
}

/// Most telling first, since the last ones go when the line is narrow.
std::vector<std::string> details(const ProgressView& view) {
  if (view.waiting_for_worker) return {"waiting for a worker"};
  std::vector<std::string> parts;
  if (view.failed > 0) parts.push_back(fmt::format("{} failed", count_text(view.failed)));
  if (ended(view) > 0) parts.push_back(rate_text(view));
  if (const auto left = time_left(view)) parts.push_back("ETA " + duration_text(std::max<Nanos>(*left, 1s)));
  if (view.retries > 0) parts.push_back(view.retries == 1 ? "1 retry" : count_text(view.retries) + " retries");
  parts.push_back(size_text(view.bytes_out) + " out");
  return parts;
}

}  // namespace

std::optional<Nanos> time_left(const ProgressView& view) {
  if (ended(view) == 0 || ended(view) == view.total) return std::nullopt;
  const auto rest = static_cast<double>(view.total - ended(view)) / static_cast<double>(ended(view));
  // Whole seconds: the tenths of a guess are noise that flickers.
  const auto left = std::chrono::round<Seconds>(std::chrono::duration<double>(view.elapsed) * rest);
  return std::chrono::duration_cast<Nanos>(left);
}

std::string progress_line(const ProgressView& view, std::size_t width) {
  const auto total = count_text(view.total);
  const auto head = fmt::format("{:>{}}/{} {:>3}%", count_text(ended(view)), total.size(), total, percent(view));
  std::string tail;
  for (const auto& part : details(view)) {
    if (kNarrowestBar + 3 + display_width(head) + display_width(tail) + 2 + display_width(part) > width) break;
    tail += "  " + part;
  }
  const auto used = display_width(head) + display_width(tail) + 3;
  if (used + kNarrowestBar > width) return shorten(head, width);
  return bar(fraction(view), std::min(kWidestBar, width - used)) + ' ' + head + tail;
}

std::string progress_sentence(const ProgressView& view) {
  auto text = fmt::format("{} of {} ({}%)", count_text(ended(view)), plural(view.total, "chunk"), percent(view));
  for (const auto& part : details(view)) text += ", " + part;
  return text;
}

}  // namespace sublet::cli
