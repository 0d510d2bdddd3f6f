"""Type beside headless Chromium's: strings, fonts, goldens, the comparison."""
