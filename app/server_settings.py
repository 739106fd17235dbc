"""Streamlit's settings for the dashboard: what keeps it closed, quiet and calm to look at."""

from __future__ import annotations

from typing import Any

__all__ = ["settings"]

_SERVER: dict[str, Any] = {
    "server.headless": True,  # the browser is opened by us, and nobody is asked for an e-mail address
    "server.showEmailPrompt": False,
    "server.baseUrlPath": "",
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.corsAllowedOrigins": [],
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.scriptHealthCheckEnabled": False,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.allowRunOnSave": False,
    "browser.gatherUsageStats": False,
    "client.allowedOrigins": [],
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "type",  # tracebacks go to the terminal: they name files of the machine
    "client.showErrorLinks": False,
    "global.developmentMode": False,
    "logger.hideWelcomeMessage": True,
    "magic.displayRootDocString": False,
    "runner.magicEnabled": False,
    "runner.postScriptGC": False,  # a tenth of a second of every pass, which Python does well by itself
}
_THEME: dict[str, Any] = {
    "font": "sans-serif",
    "baseFontSize": 15,
    "baseRadius": "small",
    "linkUnderline": False,
    "headingFontSizes": ["1.6rem", "1.3rem", "1.1rem", "1rem", "0.9rem", "0.85rem"],
    "headingFontWeights": [600, 600, 600, 600, 600, 600],
    "chartCategoricalColors": ["#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#999999"],
}
_LIGHT: dict[str, Any] = {
    "primaryColor": "#0072B2",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f4f6f8",
    "textColor": "#1c2430",
    "linkColor": "#00609a",
    "borderColor": "#d9dfe6",
    "codeTextColor": "#1c2430",
    "dataframeHeaderBackgroundColor": "#f4f6f8",
}
_DARK: dict[str, Any] = {
    "primaryColor": "#1a78bd",
    "backgroundColor": "#11161d",
    "secondaryBackgroundColor": "#1a212b",
    "textColor": "#e3e8ee",
    "linkColor": "#7cbcf0",
    "borderColor": "#303a47",
    "codeTextColor": "#e3e8ee",
    "dataframeHeaderBackgroundColor": "#1a212b",
}


def settings(host: str, port: int) -> dict[str, Any]:
    """Return the settings of a dashboard at an address, as names of Streamlit's configuration.

    They win over the ``.streamlit/config.toml`` of the user and of the working directory, which are about other apps.

    Args:
        host: The address to listen on.
        port: The port to listen on.
    """
    return {
        **_SERVER,
        "server.address": host,
        "server.port": port,
        **{f"theme.{name}": value for name, value in _THEME.items()},
        **{f"theme.light.{name}": value for name, value in _LIGHT.items()},
        **{f"theme.dark.{name}": value for name, value in _DARK.items()},
    }
