// The documents of an OCI image layout as values (image-spec: index, manifest, configuration), and
// an app's configuration made from them. Pure but for read_oci_layout().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/app_config.h"

namespace moln {

struct OciBlob {
    std::string digest;  // "sha256:" and 64 hexadecimal digits
    std::int64_t size = 0;
    std::string media_type;
};

struct OciImage {
    std::string digest;           // of the manifest
    std::vector<OciBlob> layers;  // bottom first
    std::string config;           // JSON text
    std::string folder;           // of the layout
};

// "sha256:<hex>" -> the path of that blob within a layout.
std::string blob_path(const std::string& layout, std::string_view digest);

// Reads index.json and what it leads to, down to the one image of the layout. Each document is
// checked against its digest; layers are not (see check_blob). ErrorCode::corrupt names the blob
// that is missing or is not what its name says.
Result<OciImage> read_oci_layout(const std::string& layout);
Status check_blob(const std::string& layout, const OciBlob& blob);

struct ImageApp {
    AppConfig config;
    std::vector<std::string> warnings;
};

// Entrypoint, Cmd, Env, WorkingDir, User, ExposedPorts and StopSignal as an app with one process,
// web: it is told its port by PORT, the one that the image exposes.
Result<ImageApp> app_of_image(std::string_view config_json);

// What `moln deploy --image` takes, as skopeo names it: "docker://host/name:tag", "oci:folder:tag",
// "docker-archive:file". A bare name is docker://.
struct ImageReference {
    std::string text;
    bool loopback = false;  // a registry on this host's loopback
};
Result<ImageReference> parse_image_reference(std::string_view text);

}  // namespace moln
