#include "edge/site/site_index.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "edge/site/hashed_name.h"

namespace moln::edge {
namespace {

std::unexpected<Error> bad(const SiteFile& file, std::string_view what) {
    return fail(ErrorCode::invalid, fmt::format("site manifest: \"{}\": {}", file.path, what));
}

bool is_type(std::string_view text) {
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };
    return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, plain);
}

bool is_hash(std::string_view text) {
    return text.size() == k_site_hash_digits && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

Result<SiteForm> compile_form(const SiteFile& file, const moln::SiteForm& form,
                              std::uint64_t content_bytes) {
    const auto coding = coding_of(form.coding);
    if (!coding) return bad(file, fmt::format("\"{}\" is no coding", form.coding));
    if (form.at < 0 || form.bytes < 0) return bad(file, "a form has a negative place or size");
    const auto at = static_cast<std::uint64_t>(form.at);
    const auto bytes = static_cast<std::uint64_t>(form.bytes);
    if (at > content_bytes || bytes > content_bytes - at) {
        return bad(file, "a form lies beyond the content");
    }
    return SiteForm{.coding = *coding, .at = at, .bytes = bytes};
}

Result<SiteEntry> compile_file(SiteFile& file, std::uint64_t content_bytes) {
    if (!is_site_path(file.path)) return bad(file, "this is no path");
    if (!is_type(file.type)) return bad(file, "its type is none");
    if (!is_hash(file.hash)) return bad(file, "its hash is none");
    if (file.forms.empty() || file.forms.size() > k_site_forms_max) {
        return bad(file, fmt::format("expected 1 to {} forms", k_site_forms_max));
    }
    SiteEntry entry;
    std::array<bool, k_content_codings> seen{};
    for (const auto& form : file.forms) {
        MOLN_ASSIGN(const auto one, compile_form(file, form, content_bytes));
        const bool identity = one.coding == ContentCoding::identity;
        if (identity != entry.forms.empty()) return bad(file, "identity is not its first form");
        if (std::exchange(seen[static_cast<std::size_t>(one.coding)], true)) {
            return bad(file, fmt::format("{} is there twice", form.coding));
        }
        entry.forms.push_back(one);
    }
    entry.immutable = bears_hash(file.path);
    entry.path = std::move(file.path);
    entry.type = std::move(file.type);
    entry.hash = std::move(file.hash);
    return entry;
}

}  // namespace

Result<SiteIndex> SiteIndex::compile(SiteManifest manifest, std::uint64_t content_bytes) {
    if (std::cmp_not_equal(manifest.content_bytes, content_bytes)) {
        return fail(ErrorCode::invalid,
                    fmt::format("site manifest: expected {} bytes of content, found {}",
                                manifest.content_bytes, content_bytes));
    }
    if (manifest.files.size() > k_site_files_max) {
        return fail(ErrorCode::refused,
                    fmt::format("site manifest: more than {} files", k_site_files_max));
    }
    SiteIndex out;
    out.entries_.reserve(manifest.files.size());
    for (auto& file : manifest.files) {
        if (!out.entries_.empty() && file.path <= out.entries_.back().path) {
            return bad(file, "it is there twice or out of order");
        }
        MOLN_ASSIGN(auto entry, compile_file(file, content_bytes));
        out.entries_.push_back(std::move(entry));
    }
    out.made_ = manifest.made;
    http::format_date(out.made_, out.made_text_);
    return out;
}

const SiteEntry* SiteIndex::find(std::string_view path) const {
    const auto found = std::ranges::lower_bound(
        entries_, path, {}, [](const SiteEntry& entry) { return std::string_view(entry.path); });
    return found != entries_.end() && found->path == path ? &*found : nullptr;
}

Result<SiteIndex> read_site(std::string_view manifest, std::uint64_t content_bytes) {
    MOLN_ASSIGN(const auto parsed, parse_json(manifest, k_site_manifest_bytes_max));
    MOLN_ASSIGN(auto read, from_json<SiteManifest>(parsed));
    return SiteIndex::compile(std::move(read), content_bytes);
}

}  // namespace moln::edge
