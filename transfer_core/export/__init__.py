"""Out of the app and in again: bundles, ONNX files, scripts, notebooks, reports, backups."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["bundle", "onnx_file"],
    submod_attrs={
        "backup": ["Backup", "back_up"],
        "bundle": ["import_bundle"],
        "formats": ["export_run", "find_download", "prepare_download", "read_onnx_check"],
        "script": ["collect_settings", "render_script"],
        "setting_lines": ["find_setting_lines"],
    },
)
