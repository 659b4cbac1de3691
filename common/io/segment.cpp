#include "common/io/segment.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sublet::io {
namespace {

constexpr std::string_view kFolder = "/dev/shm";
constexpr std::string_view kPrefix = "sublet-segment-";
/// Changes with the layout.
constexpr std::uint64_t kMagic = 0x5355424c53454731;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kLine = 64;
/// Keeps sums far from overflow.
constexpr std::uint64_t kMost = std::uint64_t{1} << 44U;

struct Header {
  std::uint64_t magic = kMagic;
  SegmentShape shape;
};

constexpr std::uint64_t rounded(std::uint64_t bytes, std::uint64_t to) { return (bytes + to - 1) / to * to; }

struct Layout {
  std::uint64_t claims = kPage;
  std::uint64_t payloads = 0;
  std::uint64_t payload_stride = 0;
  std::uint64_t outputs = 0;
  std::uint64_t output_stride = 0;
  std::uint64_t total = 0;
};

Layout layout_of(const SegmentShape& shape) {
  Layout layout;
  layout.payload_stride = rounded(shape.payload_bytes, kLine);
  layout.output_stride = rounded(shape.output_bytes, kLine);
  layout.payloads = rounded(layout.claims + shape.outputs * sizeof(std::atomic<std::uint32_t>), kPage);
  layout.outputs = rounded(layout.payloads + shape.payloads * layout.payload_stride, kPage);
  layout.total = rounded(layout.outputs + shape.outputs * layout.output_stride, kPage);
  return layout;
}

bool is_sound(const SegmentShape& shape) {
  const auto product_fits = [](std::uint64_t count, std::uint64_t bytes) {
    return count <= kMost && bytes <= kMost && (bytes == 0 || count <= kMost / bytes);
  };
  return shape.outputs <= kMost / sizeof(std::uint32_t) && product_fits(shape.payloads, rounded(shape.payload_bytes, kLine)) &&
         product_fits(shape.outputs, rounded(shape.output_bytes, kLine));
}

std::string path_of(Token name) { return fmt::format("{}/{}{:016x}{:016x}", kFolder, kPrefix, name.high, name.low); }

/// Takes the names of segments whose creators are gone.
void sweep() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder, ignored)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    const FileDescriptor file(::open(entry.path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (file.get() >= 0 && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(entry.path().c_str());
  }
}

std::span<std::byte> map(int file, std::uint64_t bytes) {
  void* const address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (address == MAP_FAILED) return {};
  return {static_cast<std::byte*>(address), bytes};
}

std::unexpected<Error> no_room(std::uint64_t bytes, int reason) {
  return fail(ErrorCode::resource_exhausted,
              fmt::format("{} has no room for {} bytes of payloads and outputs ({}): give the job less memory, or make {} larger", kFolder,
                          bytes, std::strerror(reason), kFolder));
}

}  // namespace

Result<Segment> Segment::create(const SegmentShape& shape, Random& random) {
  if (!is_sound(shape)) return fail(ErrorCode::bad_argument, "a segment of more bytes than any host has; give the job less memory");
  sweep();
  // It gets its name when it is whole and locked, so that nobody finds it half made or takes it for a dead one.
  FileDescriptor file(::open(std::string(kFolder).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.get() < 0) {
    return fail(ErrorCode::io_failed, fmt::format("no file can be made in {}: {}; mount a tmpfs there", kFolder, std::strerror(errno)));
  }
  const auto total = layout_of(shape).total;
  // A page that is missing later would be a signal instead of an error.
  if (const int reason = ::posix_fallocate(file.get(), 0, static_cast<off_t>(total)); reason != 0) return no_room(total, reason);
  const auto memory = map(file.get(), total);
  if (memory.empty()) return no_room(total, errno);
  Segment segment(random.token(), shape, memory, std::move(file));
  new (memory.data()) Header{.shape = shape};
  for (std::uint64_t place = 0; place < shape.outputs; ++place) new (&segment.claim(place)) std::atomic<std::uint32_t>(0);
  ::flock(segment.file_.get(), LOCK_EX);
  if (::linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", segment.file_.get()).c_str(), AT_FDCWD, path_of(segment.name_).c_str(),
               AT_SYMLINK_FOLLOW) != 0) {
    return fail(ErrorCode::io_failed, fmt::format("{} cannot be made: {}", path_of(segment.name_), std::strerror(errno)));
  }
  return segment;
}

Result<Segment> Segment::open(Token name) {
  const FileDescriptor file(::open(path_of(name).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) {
    return fail(ErrorCode::payload_lost, "the memory that holds it is gone with the producer that submitted it; submit it again");
  }
  struct stat facts{};
  Header header;
  const bool read = ::fstat(file.get(), &facts) == 0 && ::pread(file.get(), &header, sizeof header, 0) == sizeof header;
  if (!read || header.magic != kMagic || !is_sound(header.shape) ||
      layout_of(header.shape).total > static_cast<std::uint64_t>(facts.st_size)) {
    return fail(ErrorCode::protocol_error, fmt::format("{} is no segment; producer and worker have to be of one version", path_of(name)));
  }
  const auto total = layout_of(header.shape).total;
  const auto memory = map(file.get(), total);
  if (memory.empty()) return no_room(total, errno);
  return Segment(name, header.shape, memory, {});
}

Segment::Segment(Segment&& other) noexcept
    : name_(other.name_),
      shape_(other.shape_),
      memory_(std::exchange(other.memory_, {})),
      file_(std::move(other.file_)),
      next_output_(other.next_output_) {}

Segment& Segment::operator=(Segment&& other) noexcept {
  unmap();
  name_ = other.name_;
  shape_ = other.shape_;
  memory_ = std::exchange(other.memory_, {});
  file_ = std::move(other.file_);
  next_output_ = other.next_output_;
  return *this;
}

Segment::~Segment() { unmap(); }

void Segment::unmap() {
  if (memory_.empty()) return;
  if (file_.get() >= 0) ::unlink(path_of(name_).c_str());
  ::munmap(memory_.data(), memory_.size());
  memory_ = {};
}

std::span<std::byte> Segment::payload(std::uint64_t place) const {
  const auto layout = layout_of(shape_);
  return memory_.subspan(layout.payloads + place * layout.payload_stride, shape_.payload_bytes);
}

std::span<std::byte> Segment::output(std::uint64_t place) const {
  const auto layout = layout_of(shape_);
  return memory_.subspan(layout.outputs + place * layout.output_stride, shape_.output_bytes);
}

std::atomic<std::uint32_t>& Segment::claim(std::uint64_t place) const {
  return reinterpret_cast<std::atomic<std::uint32_t>*>(memory_.data() + layout_of(shape_).claims)[place];
}

std::optional<std::uint64_t> Segment::claim_output() {
  for (std::uint64_t tried = 0; tried < shape_.outputs; ++tried) {
    const auto place = next_output_;
    next_output_ = (next_output_ + 1) % shape_.outputs;
    std::uint32_t nobodys = 0;
    if (claim(place).compare_exchange_strong(nobodys, 1, std::memory_order_acquire)) return place;
  }
  return std::nullopt;
}

void Segment::release_output(std::uint64_t place) { claim(place).store(0, std::memory_order_release); }

Result<Token> shared_host() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  struct stat folder{};
  if (!(file >> text) || ::stat(std::string(kFolder).c_str(), &folder) != 0) {
    return fail(ErrorCode::io_failed, fmt::format("/proc or {} is missing here; mount them, or submit payloads that travel", kFolder));
  }
  std::erase(text, '-');
  const auto high = from_hex(std::string_view(text).substr(0, 16));
  const auto low = text.size() == 32 ? from_hex(std::string_view(text).substr(16)) : std::nullopt;
  if (!high || !low) return fail(ErrorCode::io_failed, fmt::format("the kernel's boot_id is \"{}\", no UUID", text));
  // Containers of one host may have a /dev/shm each.
  return Token{.high = *high, .low = *low ^ folder.st_dev};
}

}  // namespace sublet::io
