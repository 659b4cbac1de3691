#include "gpu-worker/session/resources.hpp"

#include <fmt/format.h>

namespace sublet::session {
namespace {

Result<MemHandle> upload(Session& session, const ResidentData& resident) {
  const auto bytes = allocated_bytes(resident.name, resident.data.size());
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  auto handle = session.mem_alloc(Bytes{*bytes});
  if (!handle || resident.data.empty()) {
    return handle;
  }
  if (auto written = session.mem_write(StreamId{0}, *handle, 0, resident.data); !written) {
    return std::unexpected(written.error());
  }
  return handle;
}

}  // namespace

Result<Resources> Resources::load(Session& session, const Bundle& bundle, const HostFunctions& functions) {
  Resources loaded;
  for (const PipelineHostStage& stage : bundle.pipeline.host_stages) {
    auto function = functions.find(stage.function);
    if (!function) {
      return std::unexpected(function.error());
    }
    loaded.functions.push_back(*std::move(function));
  }
  for (const ModuleImage& module : bundle.modules) {
    auto id = session.module_load(module.image);
    if (!id) {
      return fail(id.error().code, fmt::format("module \"{}\": {}", module.name, id.error().detail));
    }
    loaded.modules.push_back(*id);
  }
  for (const ResidentData& resident : bundle.residents) {
    auto handle = upload(session, resident);
    if (!handle) {
      return fail(handle.error().code, fmt::format("resident \"{}\": {}", resident.name, handle.error().detail));
    }
    loaded.residents.push_back(*handle);
    loaded.uploaded_bytes += resident.data.size();
  }
  // The lanes have streams of their own, and the bundle's bytes need not stay.
  if (auto there = session.sync(StreamId{0}); !there) {
    return std::unexpected(there.error());
  }
  return loaded;
}

}  // namespace sublet::session
