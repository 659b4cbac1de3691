#include "gpu-worker/session/picture.hpp"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <jpeglib.h>
#include <png.h>

#include "gpu-worker/session/orientation.hpp"

namespace sublet::session {
namespace {

constexpr std::size_t kChannels = 3;

std::unexpected<Error> refuse(std::string problem) { return fail(ErrorCode::host_stage_failed, std::move(problem)); }

Result<std::size_t> room_for(std::uint64_t width, std::uint64_t height, std::size_t room) {
  const std::uint64_t bytes = width * height * kChannels;
  if (bytes <= room) return bytes;
  return fail(ErrorCode::output_too_large,
              fmt::format("a picture of {} x {} has {} bytes, and its buffer {}; make that larger", width, height, bytes, room));
}

enum class Format : std::uint8_t { png = 1, jpeg = 2 };

/// @param stored  how large it is in the file
HostResult picture(std::vector<std::byte> pixels, StoredSize stored, Orientation orientation, Format format) {
  const bool on_its_side = lies_on_its_side(orientation);
  return {.data = turned_upright(std::move(pixels), stored, orientation),
          .values = {{"width", static_cast<double>(on_its_side ? stored.height : stored.width)},
                     {"height", static_cast<double>(on_its_side ? stored.width : stored.height)},
                     {"format", static_cast<double>(std::to_underlying(format))}}};
}

struct Size {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

std::optional<std::uint64_t> value_of(const HostCall& call, std::string_view name) {
  const auto found = std::ranges::find(call.values, name, &NamedValue::first);
  return found == call.values.end() ? std::nullopt : std::optional(found->second);
}

/// As the stage tells it, and as the data have it.
Result<Size> size_of(const HostCall& call) {
  const auto width = value_of(call, "width");
  const auto height = value_of(call, "height");
  if (!width || !height) return refuse("the stage does not say how large the picture is; add values: {width: …, height: …}");
  constexpr std::uint64_t kMost = 65'500;  // of a JPEG
  if (*width == 0 || *height == 0 || *width > kMost || *height > kMost || *width * *height * kChannels != call.data.size()) {
    return refuse(fmt::format("{} bytes are no picture of {} x {} with 3 bytes for each pixel", call.data.size(), *width, *height));
  }
  return Size{.width = static_cast<std::uint32_t>(*width), .height = static_cast<std::uint32_t>(*height)};
}

// ---- PNG ----

Result<HostResult> decode_png(const HostCall& call) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, call.data.data(), call.data.size()) == 0) {
    return refuse(fmt::format("no PNG that can be read: {}", image.message));
  }
  image.format = PNG_FORMAT_RGB;
  const auto bytes = room_for(image.width, image.height, call.room);
  if (!bytes) {
    png_image_free(&image);
    return std::unexpected(bytes.error());
  }
  std::vector<std::byte> pixels(*bytes);
  constexpr png_color kWhite{.red = 255, .green = 255, .blue = 255};
  if (png_image_finish_read(&image, &kWhite, pixels.data(), 0, nullptr) == 0) {
    return refuse(fmt::format("no PNG that can be read: {}", image.message));
  }
  return picture(std::move(pixels), {.width = image.width, .height = image.height}, orientation_of_png(call.data), Format::png);
}

// ---- JPEG ----

/// libjpeg ends the program on an error unless it is jumped away from.
struct JpegErrors {
  jpeg_error_mgr base;
  std::jmp_buf back;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void leave(j_common_ptr codec) {
  auto* const errors = reinterpret_cast<JpegErrors*>(codec->err);
  codec->err->format_message(codec, errors->message.data());
  std::longjmp(errors->back, 1);
}

void stay_silent(j_common_ptr /*codec*/) {}

jpeg_error_mgr* begin(JpegErrors& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = leave;
  errors.base.output_message = stay_silent;
  return &errors.base;
}

/// What lives across a jump is made before it.
struct JpegReader {
  jpeg_decompress_struct codec{};
  JpegErrors errors{};
  std::vector<std::byte> pixels;
  Orientation orientation = Orientation::upright;
  std::optional<Error> error;

  JpegReader() { codec.err = begin(errors); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&codec); }

  /// False where libjpeg gave up; `errors.message` says why.
  bool read(const HostCall& call) {
    if (setjmp(errors.back) != 0) return false;
    jpeg_create_decompress(&codec);
    jpeg_mem_src(&codec, reinterpret_cast<const unsigned char*>(call.data.data()), call.data.size());
    jpeg_save_markers(&codec, kExifMarker, kLongestMarker);
    jpeg_read_header(&codec, TRUE);
    find_orientation();
    codec.out_color_space = JCS_RGB;
    make_room(call.room);
    if (error) return true;
    jpeg_start_decompress(&codec);
    while (codec.output_scanline < codec.output_height) {
      auto* row = reinterpret_cast<JSAMPROW>(pixels.data()) + std::size_t{codec.output_scanline} * codec.output_width * kChannels;
      jpeg_read_scanlines(&codec, &row, 1);
    }
    jpeg_finish_decompress(&codec);
    return true;
  }

 private:
  static constexpr int kExifMarker = JPEG_APP0 + 1;
  static constexpr unsigned kLongestMarker = 0xffff;

  /// Other data than EXIF's stand in markers of that number too.
  void find_orientation() {
    constexpr std::string_view kMark("Exif\0\0", 6);
    for (const auto* marker = codec.marker_list; marker != nullptr; marker = marker->next) {
      const auto data = std::as_bytes(std::span(marker->data, marker->data_length));
      if (as_text(data).starts_with(kMark)) {
        orientation = orientation_of(data.subspan(kMark.size()));
        return;
      }
    }
  }

  void make_room(std::size_t room) {
    const auto bytes = room_for(codec.image_width, codec.image_height, room);
    if (!bytes) error = bytes.error();
    if (bytes) pixels.resize(*bytes);
  }
};

Result<HostResult> decode_jpeg(const HostCall& call) {
  JpegReader reader;
  if (!reader.read(call)) return refuse(fmt::format("no JPEG that can be read: {}", reader.errors.message.data()));
  if (reader.error) return std::unexpected(*reader.error);
  const StoredSize stored{.width = reader.codec.output_width, .height = reader.codec.output_height};
  return picture(std::move(reader.pixels), stored, reader.orientation, Format::jpeg);
}

struct JpegWriter {
  jpeg_compress_struct codec{};
  JpegErrors errors{};
  unsigned char* bytes = nullptr;
  unsigned long count = 0;

  JpegWriter() { codec.err = begin(errors); }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() {
    jpeg_destroy_compress(&codec);
    std::free(bytes);
  }

  bool write(ByteView pixels, Size size, int quality) {
    if (setjmp(errors.back) != 0) return false;
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &bytes, &count);
    codec.image_width = size.width;
    codec.image_height = size.height;
    codec.input_components = kChannels;
    codec.in_color_space = JCS_RGB;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, quality, TRUE);
    jpeg_start_compress(&codec, TRUE);
    while (codec.next_scanline < codec.image_height) {
      const auto* const row =
          reinterpret_cast<const unsigned char*>(pixels.data()) + std::size_t{codec.next_scanline} * size.width * kChannels;
      auto* line = const_cast<JSAMPROW>(row);
      jpeg_write_scanlines(&codec, &line, 1);
    }
    jpeg_finish_compress(&codec);
    return true;
  }
};

Result<std::vector<std::byte>> encode_png(ByteView pixels, Size size) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = size.width;
  image.height = size.height;
  image.format = PNG_FORMAT_RGB;
  std::vector<std::byte> file(PNG_IMAGE_PNG_SIZE_MAX(image));
  png_alloc_size_t bytes = file.size();
  if (png_image_write_to_memory(&image, file.data(), &bytes, 0, pixels.data(), 0, nullptr) == 0) {
    return refuse(fmt::format("no PNG could be made: {}", image.message));
  }
  file.resize(bytes);
  return file;
}

Result<std::vector<std::byte>> encode_jpeg(ByteView pixels, Size size, std::uint64_t quality) {
  if (quality < 1 || quality > 100) return refuse(fmt::format("a quality of {}; use 1 to 100", quality));
  JpegWriter writer;
  if (!writer.write(pixels, size, static_cast<int>(quality))) {
    return refuse(fmt::format("no JPEG could be made: {}", writer.errors.message.data()));
  }
  const auto file = std::as_bytes(std::span(writer.bytes, writer.count));
  return std::vector<std::byte>(file.begin(), file.end());
}

}  // namespace

Result<HostResult> decode_picture(const HostCall& call) {
  constexpr std::array kPng = {std::byte{0x89}, std::byte{'P'}, std::byte{'N'}, std::byte{'G'}};
  constexpr std::array kJpeg = {std::byte{0xff}, std::byte{0xd8}};
  const auto begins = [&](const auto& mark) {
    return call.data.size() >= mark.size() && std::ranges::equal(call.data.first(mark.size()), mark);
  };
  if (begins(kPng)) return decode_png(call);
  if (begins(kJpeg)) return decode_jpeg(call);
  return refuse("neither a PNG nor a JPEG file");
}

Result<HostResult> encode_picture(const HostCall& call) {
  const auto size = size_of(call);
  if (!size) return std::unexpected(size.error());
  const auto format = value_of(call, "format").value_or(std::to_underlying(Format::png));
  if (format != std::to_underlying(Format::png) && format != std::to_underlying(Format::jpeg)) {
    return refuse(fmt::format("a format of {}; use 1 for PNG, 2 for JPEG", format));
  }
  auto file = format == std::to_underlying(Format::png) ? encode_png(call.data, *size)
                                                        : encode_jpeg(call.data, *size, value_of(call, "quality").value_or(90));
  if (!file) return std::unexpected(file.error());
  if (file->size() <= call.room) return HostResult{.data = *std::move(file), .values = {}};
  return fail(ErrorCode::output_too_large,
              fmt::format("the file has {} bytes, and its buffer {}; make that larger", file->size(), call.room));
}

}  // namespace sublet::session
