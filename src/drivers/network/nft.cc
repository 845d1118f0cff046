#include "drivers/network/nft.h"

#include <memory>

#include <nftables/libnftables.h>

namespace moln {
namespace {

constexpr std::size_t k_listing_bytes_max = 16u << 20;

using Context = std::unique_ptr<nft_ctx, void (*)(nft_ctx*)>;

Result<Context> make_context() {
    Context context(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
    if (!context) return fail(ErrorCode::internal, "nftables cannot be used: out of memory");
    nft_ctx_buffer_error(context.get());
    nft_ctx_buffer_output(context.get());
    return context;
}

}  // namespace

Status run_nft(const std::string& commands, NftMode mode) {
    MOLN_ASSIGN(const auto context, make_context());
    nft_ctx_set_dry_run(context.get(), mode == NftMode::trial);
    if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) != 0) {
        return fail(ErrorCode::internal, nft_ctx_get_error_buffer(context.get()));
    }
    return {};
}

Result<std::string> ask_nft(const std::string& command) {
    MOLN_ASSIGN(const auto context, make_context());
    nft_ctx_output_set_flags(context.get(), NFT_CTX_OUTPUT_JSON);
    if (nft_run_cmd_from_buffer(context.get(), command.c_str()) != 0) {
        return fail(ErrorCode::internal, nft_ctx_get_error_buffer(context.get()));
    }
    return std::string(nft_ctx_get_output_buffer(context.get()));
}

Result<std::vector<json::object>> listed_objects(std::string_view listing, std::string_view kind) {
    MOLN_ASSIGN(const auto root, parse_json(listing, k_listing_bytes_max));
    std::vector<json::object> out;
    const auto* all = root.is_object() ? root.get_object().if_contains("nftables") : nullptr;
    if (all == nullptr || !all->is_array()) {
        return fail(ErrorCode::internal, "nft printed something else than a list");
    }
    for (const auto& one : all->get_array()) {
        const auto* object = one.is_object() ? one.get_object().if_contains(kind) : nullptr;
        if (object != nullptr && object->is_object()) out.push_back(object->get_object());
    }
    return out;
}

}  // namespace moln
