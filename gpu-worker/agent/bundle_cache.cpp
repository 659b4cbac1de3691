#include "gpu-worker/agent/bundle_cache.hpp"

#include <algorithm>
#include <utility>

#include "common/pipeline/lanes.hpp"
#include "common/wire/bundle.hpp"

namespace sublet::agent {
namespace {

constexpr std::size_t kMostKept = 64;

}  // namespace

Result<std::uint32_t> lanes_of(const LoadedBundle& bundle, const wire::Lease& lease) {
  const auto need = lease_need(bundle.pipeline, lease.max_chunk_bytes, bundle.modules);
  if (!need) {
    return std::unexpected(need.error());
  }
  return lanes_in(*need, bundle.pipeline.lanes, Bytes{lease.bytes});
}

std::shared_ptr<const LoadedBundle> BundleCache::find(const ContentHash& hash) {
  const auto kept = kept_.find(hash);
  if (kept == kept_.end()) {
    return nullptr;
  }
  kept->second.used = ++uses_;
  return kept->second.bundle;
}

Result<std::shared_ptr<const LoadedBundle>> BundleCache::put(const ContentHash& hash, const Blob& bytes) {
  if (wire::content_hash(bytes.view()) != hash) {
    return fail(ErrorCode::bad_message, "the pipeline that came has another content hash than the one asked for: submit the job again");
  }
  auto bundle = wire::decode_bundle(bytes.view());
  if (!bundle) {
    return std::unexpected(bundle.error());
  }
  auto sizes = compile(bundle->pipeline);
  if (!sizes) {
    return std::unexpected(sizes.error());
  }
  make_room();
  // A copy, so that a bundle that is kept for long does not keep the frame it came in.
  auto loaded = std::make_shared<const LoadedBundle>(LoadedBundle{.bytes = Blob::copy_of(bytes.view()),
                                                                  .sizes = std::move(*sizes),
                                                                  .pipeline = bundle->pipeline,
                                                                  .modules = module_bytes(*bundle),
                                                                  .time_limit = Millis(bundle->pipeline.time_limit_ms)});
  kept_[hash] = {.bundle = loaded, .used = ++uses_};
  return loaded;
}

void BundleCache::make_room() {
  if (kept_.size() < kMostKept) {
    return;
  }
  kept_.erase(std::ranges::min_element(kept_, {}, [](const auto& entry) { return entry.second.used; }));
}

}  // namespace sublet::agent
