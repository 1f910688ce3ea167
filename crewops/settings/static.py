"""Static files, the front-end packages among them."""

from pathlib import Path

from whitenoise.compress import Compressor

from crewops.settings.environment import BASE_DIR, DEBUG, env

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
NODE_MODULES = BASE_DIR / "node_modules"
FRONT_END = {  # directory below NODE_MODULES: the prefix it is served under
    "@tabler/core/dist/css": "vendor/tabler/css",
    "bootstrap-icons/font": "vendor/icons",
    "idiomorph/dist": "vendor/idiomorph",
}
STATICFILES_DIRS = [
    (prefix, NODE_MODULES / directory)
    for directory, prefix in FRONT_END.items()
    if (NODE_MODULES / directory).is_dir()
]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
# Modules import each other by their plain names, so names carry no hash. A browser asks each time
# whether its copy is fresh, and so never mixes the modules of two versions.
WHITENOISE_MAX_AGE = 0  # seconds
# Source maps are half of all text, and only developers' tools ask for them.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
if not DEBUG:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
    }
